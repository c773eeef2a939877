//! Which addresses a document may come from.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// What IANA's special-purpose registries call not globally reachable, multicast, and forms that hold an IPv4 address:
/// <https://www.iana.org/assignments/iana-ipv4-special-registry> and <https://www.iana.org/assignments/iana-ipv6-special-registry>.
const NOT_PUBLIC: [&str; 24] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    // The metadata service among others.
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    // Teredo and other protocols' own.
    "2001::/23",
    "2001:db8::/32",
    // 6to4.
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
];
/// The only part of IPv6 that is routed publicly.
const GLOBAL_V6: &str = "2000::/3";

static NETWORKS: LazyLock<(Vec<IpNet>, Option<IpNet>)> = LazyLock::new(|| {
    let networks: Vec<IpNet> = NOT_PUBLIC.iter().filter_map(|text| text.parse().ok()).collect();
    assert_eq!(networks.len(), NOT_PUBLIC.len(), "every network of the table is one");
    (networks, GLOBAL_V6.parse().ok())
});

/// The public internet, and what the operator allows besides.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    allowed: Vec<IpNet>,
}

impl Guard {
    pub(super) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    pub(super) fn admits(&self, address: IpAddr) -> bool {
        // `::ffff:10.0.0.1` is 10.0.0.1.
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

fn is_public(address: IpAddr) -> bool {
    let (special, global) = &*NETWORKS;
    let is_routed = address.is_ipv4() || global.is_some_and(|global| global.contains(&address));
    is_routed && !special.iter().any(|network| network.contains(&address))
}

/// Says that a name leads to an address that is not admitted.
#[derive(Debug, thiserror::Error)]
#[error("the address is not public")]
pub(super) struct NotPublic;

/// Resolves a name once; the connection is made to what was looked at, so a second answer of its DNS server changes nothing.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) guard: Guard,
    pub(super) dns: SystemDns,
}

/// The system's resolver, which has nothing to show.
#[derive(Default)]
pub(super) struct SystemDns(DefaultResolver);

impl std::fmt::Debug for SystemDns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SystemDns")
    }
}

impl Resolver for GuardedResolver {
    /// One address that is not admitted condemns the name: which of them is dialled is not ours to choose.
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.dns.0.resolve(uri, config, timeout)?;
        if found.iter().all(|address| self.guard.admits(address.ip())) {
            Ok(found)
        } else {
            Err(ureq::Error::Other(Box::new(NotPublic)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_public_internet_is_admitted() {
        let guard = Guard::new(Vec::new());
        for public in ["1.1.1.1", "54.66.111.21", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(guard.admits(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fec0::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
        ] {
            assert!(!guard.admits(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn an_operator_can_allow_a_network_and_no_more_than_that() {
        let guard = Guard::new(vec!["10.20.0.0/16".parse().unwrap()]);
        assert!(guard.admits("10.20.3.4".parse().unwrap()));
        assert!(guard.admits("::ffff:10.20.3.4".parse().unwrap()));
        assert!(!guard.admits("10.21.3.4".parse().unwrap()));
    }

    proptest! {
        /// What the standard library already knows to be private is never admitted.
        #[test]
        fn no_private_address_is_public(bits in any::<u32>(), high in any::<u128>()) {
            let v4 = Ipv4Addr::from(bits);
            let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_documentation() || v4.is_unspecified() || v4.is_broadcast();
            prop_assert!(!(special && is_public(v4.into())));
            let v6 = Ipv6Addr::from(high);
            let special = v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast() || v6.is_loopback();
            prop_assert!(!(special && is_public(v6.into())));
        }
    }
}
