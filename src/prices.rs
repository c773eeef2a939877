//! What things cost in a month, about: on-demand prices in one region, for an order of magnitude and not for a bill. Only those of t3.large,
//! m5.large and m7g.large were compared, with lists that others publish; the pages beside the others say where to look.

use std::fmt;

use serde::Serialize;

/// What the numbers below are, told beside every sum.
pub const SOURCE: &str = "rounded from on-demand prices of Linux in us-east-1; your region and discounts differ";

const HOURS_A_MONTH: f64 = 730.0;

/// USD an hour for the size `large` of a family (aws.amazon.com/ec2/pricing/on-demand). Within a family the other sizes cost in
/// proportion.
const LARGE_HOUR_USD: [(&str, f64); 27] = [
    ("t2", 0.0928),
    ("t3", 0.0832),
    ("t3a", 0.0752),
    ("t4g", 0.0672),
    ("m5", 0.096),
    ("m5a", 0.086),
    ("m6i", 0.096),
    ("m6a", 0.0864),
    ("m6g", 0.077),
    ("m7i", 0.1008),
    ("m7a", 0.11592),
    ("m7g", 0.0816),
    ("m8g", 0.08976),
    ("c5", 0.085),
    ("c5a", 0.077),
    ("c6i", 0.085),
    ("c6a", 0.0765),
    ("c6g", 0.068),
    ("c7i", 0.08925),
    ("c7a", 0.10264),
    ("c7g", 0.0725),
    ("r5", 0.126),
    ("r6i", 0.126),
    ("r6a", 0.1134),
    ("r6g", 0.1008),
    ("r7i", 0.1323),
    ("r7g", 0.1071),
];

/// How many times `large` a size is.
const SIZES: [(&str, f64); 12] = [
    ("nano", 0.0625),
    ("micro", 0.125),
    ("small", 0.25),
    ("medium", 0.5),
    ("large", 1.0),
    ("xlarge", 2.0),
    ("2xlarge", 4.0),
    ("4xlarge", 8.0),
    ("8xlarge", 16.0),
    ("12xlarge", 24.0),
    ("16xlarge", 32.0),
    ("24xlarge", 48.0),
];

/// USD a month for a GiB of a volume, without what is paid for more operations (aws.amazon.com/ebs/pricing).
const VOLUME_GIB_MONTH_USD: [(&str, f64); 4] = [("gp3", 0.08), ("gp2", 0.10), ("io1", 0.125), ("io2", 0.125)];

/// USD a month for a GiB of a snapshot (aws.amazon.com/ebs/pricing). A snapshot is billed by what is in it, so this is the most.
const SNAPSHOT_GIB_MONTH_USD: f64 = 0.05;

/// USD an hour for a public IPv4 address, used or not (aws.amazon.com/vpc/pricing).
const ADDRESS_HOUR_USD: f64 = 0.005;

/// Something that is paid for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub what: String,
    /// `None` where its price is not known.
    pub monthly_usd: Option<f64>,
}

/// Things that are paid for, together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bill {
    /// What those cost whose price is known.
    pub monthly_usd: f64,
    pub items: Vec<Item>,
    pub prices: &'static str,
}

/// A running machine of this type.
pub fn machine(instance_type: &str) -> Item {
    let price = instance_type.split_once('.').and_then(|(family, size)| {
        let (_, large) = LARGE_HOUR_USD.iter().find(|(name, _)| *name == family)?;
        let (_, times) = SIZES.iter().find(|(name, _)| *name == size)?;
        Some(large * times * HOURS_A_MONTH)
    });
    Item::new(instance_type, price)
}

/// A volume of this type and size.
pub fn volume(kind: &str, gib: u32) -> Item {
    let price = VOLUME_GIB_MONTH_USD.iter().find(|(name, _)| *name == kind).map(|(_, usd)| usd * f64::from(gib));
    Item::new(format!("{gib} GiB {kind}"), price)
}

/// Snapshots of volumes of this size.
pub fn snapshots(gib: u32) -> Item {
    Item::new(format!("{gib} GiB of snapshots, at most"), Some(f64::from(gib) * SNAPSHOT_GIB_MONTH_USD))
}

/// A public IPv4 address.
pub fn address() -> Item {
    Item::new("a public IPv4 address", Some(ADDRESS_HOUR_USD * HOURS_A_MONTH))
}

impl Item {
    fn new(what: impl Into<String>, monthly_usd: Option<f64>) -> Self {
        Self { what: what.into(), monthly_usd: monthly_usd.map(cents) }
    }

    /// The same of an instance.
    #[must_use]
    pub fn of(&self, instance_id: &str) -> Self {
        Self { what: format!("{} of {instance_id}", self.what), monthly_usd: self.monthly_usd }
    }
}

impl Bill {
    pub fn of(items: Vec<Item>) -> Self {
        let monthly_usd = cents(items.iter().filter_map(|item| item.monthly_usd).sum());
        Self { monthly_usd, items, prices: SOURCE }
    }

    pub fn hourly_usd(&self) -> f64 {
        self.monthly_usd / HOURS_A_MONTH
    }
}

/// `about 34.02 USD a month, and the price of x9.large, which is not known`
impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {:.2} USD a month", self.monthly_usd)?;
        let unknown = self.items.iter().filter(|item| item.monthly_usd.is_none());
        for item in unknown {
            write!(f, ", and the price of {}, which is not known here", item.what)?;
        }
        Ok(())
    }
}

fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_a_family_cost_in_proportion_and_what_is_not_known_is_not_guessed() {
        assert_eq!(machine("t3.medium").monthly_usd, Some(30.37));
        assert_eq!(machine("m7g.2xlarge").monthly_usd, Some(238.27));
        for unknown in ["x9.large", "m5.metal", "large", "t3"] {
            assert_eq!(machine(unknown).monthly_usd, None, "{unknown}");
        }
        let bill =
            Bill::of(vec![machine("t3.large"), machine("x9.large"), volume("gp3", 30), address(), snapshots(30)]);
        assert_eq!(bill.to_string(), "about 68.29 USD a month, and the price of x9.large, which is not known here");
    }
}
