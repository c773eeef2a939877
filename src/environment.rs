//! Where a recipe runs: the local cloud, or an account of AWS.

mod place;

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

pub use self::place::{InstanceTypes, Place};
use crate::error::{Failure, user};
use crate::requirements::Requirements;

/// Name of an environment, such as `local` or `prod`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(String);

/// One place to bake and run in, with every value that differs between places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Which cloud it is in.
    pub target: Target,
    /// Region of every call.
    pub region: String,
    /// Types of the instances that serve.
    pub instance_types: InstanceTypes,
    /// Instance profile of the instances that serve.
    pub instance_profile: Option<String>,
    /// Security groups of the instances that serve.
    pub security_groups: Vec<String>,
    /// Key pair of the instances that serve.
    pub key_pair: Option<String>,
    /// Subnets of the instances, the one that is wanted most first; the default one when there is none.
    pub subnets: Vec<String>,
    /// The address behind which the live instance stands.
    pub address: ElasticIp,
    /// Bucket of the artifacts that build instances download.
    pub bucket: String,
    /// Where the bucket is, if that is another region.
    pub bucket_region: Option<String>,
    /// The account whose images are launched here, where that is another one.
    pub image_owner: Option<String>,
    /// How build and test instances are made.
    pub build: Build,
    /// What an image must have to be launched here.
    pub require: Requirements,
    /// Values of the `.env`, below those of `--env-file`.
    pub env: BTreeMap<String, String>,
}

/// Which cloud an environment is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The embedded cloud of this machine.
    Local,
    /// Amazon Web Services.
    Aws,
}

/// The address that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElasticIp {
    /// An address that the account already holds.
    Fixed(Ipv4Addr),
    /// The address tagged with the service, allocated at the first launch.
    Allocate,
}

/// How build and test instances are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Type of the build instance.
    pub instance_type: String,
    /// Instance profile of the build instance.
    pub instance_profile: String,
}

impl Environment {
    /// Whether this is the built-in environment, where things are tried out and nothing needs to be committed.
    pub fn is_local(&self) -> bool {
        self.name == EnvironmentName::local()
    }

    /// Refuses what changes images where they are another account's.
    pub fn must_own_images(&self, command: &str) -> Result<(), Failure> {
        let Some(owner) = &self.image_owner else { return Ok(()) };
        let problem =
            format!("environment `{}` launches images of account {owner}, and has none of its own", self.name);
        Err(user(problem).hint(format!("run `veris {command}` with an environment of that account")))
    }

    /// The built-in environment, which no recipe can change.
    pub fn local() -> Self {
        let endpoint = "http://169.254.170.2";
        let env = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", endpoint),
            ("AWS_ENDPOINT_URL_SSM", endpoint),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint),
        ];
        Self {
            name: EnvironmentName::local(),
            target: Target::Local,
            region: "ap-southeast-2".to_owned(),
            instance_types: InstanceTypes { first: "t3.medium".to_owned(), others: vec!["t3a.medium".to_owned()] },
            instance_profile: Some("local-instance-profile".to_owned()),
            security_groups: vec!["sg-00000000000000000".to_owned()],
            key_pair: None,
            subnets: Vec::new(),
            address: ElasticIp::Allocate,
            bucket: "veris-local".to_owned(),
            bucket_region: None,
            image_owner: None,
            build: Build {
                instance_type: "t3.medium".to_owned(),
                instance_profile: "local-instance-profile".to_owned(),
            },
            require: Requirements::default(),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }
}

impl EnvironmentName {
    /// The built-in environment's name.
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnvironmentName {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 30 && name.chars().all(is_good) {
            return Ok(Self(name.to_owned()));
        }
        Err(format!(
            "`{name}` is not the name of an environment\nuse up to 30 lower-case letters, digits and `-`, and start with a letter"
        ))
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
