//! Everything the local cloud remembers, as it is written to `state.json`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod image;
pub mod image_builder;
mod regional;
pub mod secrets;

pub use image::{Image, ImageState, Snapshot, Source};
use image_builder::ImageBuilder;
pub(crate) use regional::is_region;
pub use regional::{HOME_REGION, Regional};
use secrets::Secret;

/// The account of every local cloud. AWS never hands it out, so an ARN of ours cannot be taken for a real one.
pub const ACCOUNT: &str = "000000000000";

/// Who owns the built-in parent image, as images say it.
pub const AMAZON: &str = "amazon";

/// The subnet of instances that were launched into none.
pub const SUBNET: &str = "subnet-00000000000000000";

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Every resource of the cloud, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// Port of the endpoint at the last start, tried first at the next one so that URLs stay what they were.
    pub port: Option<u16>,
    /// AMIs of the home region; [`State::images`] has those of any.
    pub images: BTreeMap<String, Image>,
    /// Snapshots of the home region; [`State::snapshots`] has those of any.
    pub snapshots: BTreeMap<String, Snapshot>,
    pub instances: BTreeMap<String, Instance>,
    /// Elastic IPs by allocation id.
    pub addresses: BTreeMap<String, Address>,
    /// Rules of the security group beside those that it has from the beginning, by id.
    pub security_group_rules: BTreeMap<String, SecurityGroupRule>,
    /// SSM parameters of the home region by name; [`State::parameters`] has those of any.
    pub parameters: BTreeMap<String, Parameter>,
    /// What the other regions have of their own, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, Regional>,
    /// Secrets Manager's secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Temporary credentials handed to instances, by access key id.
    pub sessions: BTreeMap<String, Session>,
    /// Image Builder's resources, each in the shape the API answers, with what the API hides beside it.
    pub image_builder: ImageBuilder,
}

/// An EC2 instance and the guest behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    pub instance_id: String,
    pub image_id: String,
    pub instance_type: String,
    pub state: InstanceState,
    /// `Client.UserInitiatedShutdown` and the like, with its message.
    pub state_reason: Option<(String, String)>,
    pub launched: Timestamp,
    pub terminated: Option<Timestamp>,
    /// The loopback address on which the instance's ports are reached; also its public address.
    pub address: Ipv4Addr,
    pub volume_id: String,
    pub volume_gib: u32,
    /// ARN of the key that the root volume is shown to be encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Tags of the root volume.
    pub volume_tags: Tags,
    pub key_name: Option<String>,
    pub security_groups: Vec<String>,
    #[serde(default = "default_subnet")]
    pub subnet_id: String,
    /// Name of the instance profile.
    pub instance_profile: Option<String>,
    pub http_put_response_hop_limit: u8,
    pub client_token: Option<String>,
    /// Digest of the launch request, for `IdempotentParameterMismatch`.
    pub request_digest: String,
    /// Whether the guest is driven by the agent instead of cloud-init: build and test instances.
    pub agent: bool,
    pub tags: Tags,
}

/// Instances of an older state have none.
fn default_subnet() -> String {
    SUBNET.to_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl InstanceState {
    /// EC2's numeric code and name of the state.
    pub fn code_and_name(self) -> (u16, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        }
    }
}

/// An Elastic IP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub allocation_id: String,
    pub public_ip: Ipv4Addr,
    pub association: Option<Association>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    pub association_id: String,
    pub instance_id: String,
}

/// What a security group lets in. It is written down and described, and lets in nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroupRule {
    pub rule_id: String,
    pub group_id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// The first port or ICMP's type; -1 where there is none.
    pub from_port: i32,
    /// The last port or ICMP's code; -1 where there is none.
    pub to_port: i32,
    /// A block of addresses of either family, without bits behind its prefix.
    pub source: String,
    pub description: Option<String>,
    pub tags: Tags,
}

/// An SSM parameter; the newest version is last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub name: String,
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// `text` or `aws:ec2:image`.
    pub data_type: String,
    pub description: Option<String>,
    pub versions: Vec<ParameterVersion>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterVersion {
    pub value: String,
    pub modified: Timestamp,
}

/// Temporary credentials of an instance's role.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub token: String,
    pub role: String,
    pub instance_id: String,
    pub expires: Timestamp,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({} of {}, expires {})", self.access_key_id, self.instance_id, self.expires)
    }
}
