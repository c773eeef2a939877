//! Where a recipe runs.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Name of an environment, such as `local` or `prod`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvironmentName(String);

impl EnvironmentName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnvironmentName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(good) {
            return Err("an environment's name is made of lower-case letters, digits and `-`".to_owned());
        }
        Ok(Self(name.to_owned()))
    }
}

impl std::fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Local,
    Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElasticIp {
    /// An address of the account.
    Fixed(Ipv4Addr),
    /// The address tagged with the service, allocated at the first launch.
    Allocate,
}

#[derive(Debug, Clone)]
pub struct Build {
    pub instance_type: String,
    pub instance_profile: String,
}

#[derive(Debug, Clone)]
pub struct Environment {
    pub name: EnvironmentName,
    pub target: Target,
    pub region: String,
    pub instance_type: String,
    pub instance_profile: Option<String>,
    pub security_groups: Vec<String>,
    pub key_pair: Option<String>,
    pub subnet: Option<String>,
    pub address: ElasticIp,
    pub bucket: String,
    pub build: Build,
    pub env: BTreeMap<String, String>,
}
