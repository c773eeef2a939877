//! A block of addresses as an operator types it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// One address or a block of them, of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block(IpNet);

impl Block {
    /// Whether so many addresses are in it that somebody has to say that this is meant: more than one organisation holds.
    pub fn is_wide(self) -> bool {
        match self.0 {
            IpNet::V4(block) => block.prefix_len() < 16,
            IpNet::V6(block) => block.prefix_len() < 32,
        }
    }

    pub fn is_v6(self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }
}

impl From<IpAddr> for Block {
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }
}

impl FromStr for Block {
    type Err = String;

    /// `203.0.113.7` is `203.0.113.7/32`. Bits behind the prefix are a mistake: nobody knows whether the one host or the block is meant.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let block: IpNet = text.parse().map_err(|_| {
            "neither an address nor a block of them; write one such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48"
                .to_owned()
        })?;
        if block == block.trunc() {
            return Ok(Self(block));
        }
        Err(format!("write {} for this one address, or {} for the block", block.addr(), block.trunc()))
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_block_of_one_and_a_block_has_no_bits_behind_its_prefix() {
        let read = |text: &str| text.parse::<Block>().map(|block| block.to_string());
        for (text, block) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("2001:db8::7", "2001:db8::7/128"),
            ("2001:DB8:0::/48", "2001:db8::/48"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(block));
        }
        assert_eq!(
            read("203.0.113.7/24"),
            Err("write 203.0.113.7 for this one address, or 203.0.113.0/24 for the block".to_owned())
        );
        for wrong in ["", "203.0.113", "203.0.113.0/33", "example.org", "203.0.113.0/24/8", " 203.0.113.7"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_larger_than_one_organisation_is_wide() {
        let is_wide = |text: &str| text.parse::<Block>().unwrap().is_wide();
        assert!(["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"].into_iter().all(is_wide));
        assert!(!["203.0.113.7", "10.1.0.0/16", "2001:db8::/32"].into_iter().any(is_wide));
    }

    proptest::proptest! {
        #[test]
        fn every_address_reads_back_as_it_is_written(v4: u32, v6: u128, is_v6: bool) {
            let address = if is_v6 { IpAddr::V6(v6.into()) } else { IpAddr::V4(v4.into()) };
            let block = Block::from(address);
            assert_eq!(block.to_string().parse(), Ok(block));
        }
    }
}
