//! AMIs and snapshots, which belong to one region each.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Tags;

/// An AMI.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    pub image_id: String,
    pub name: String,
    pub description: String,
    pub state: ImageState,
    pub created: Timestamp,
    pub snapshot_id: String,
    /// `/dev/xvda` and the like.
    pub root_device: String,
    pub volume_gib: u32,
    /// `amazon` for the built-in parent, otherwise [`ACCOUNT`](super::ACCOUNT).
    pub owner: String,
    /// Digest of the parent in the cache whose kernel boots this image and whose disk lies below it.
    pub parent: String,
    pub tags: Tags,
    /// The AMI it was made from. Images of an older state have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Why it is failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Accounts that may launch it beside its owner.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shared_with: BTreeSet<String>,
    /// ARN of the key that its snapshot is shown to be encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageState {
    #[default]
    Pending,
    Available,
    Failed,
}

/// What an AMI was made from: the AMI that was copied, or that of the instance whose disk it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub image_id: String,
    pub region: String,
    /// Of a copy: what the request had for whoever repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// Of a copy: digest of the request, for `IdempotentParameterMismatch`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_digest: String,
}

/// An EBS snapshot: the disk of one AMI.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub snapshot_id: String,
    /// The AMI it was made for, which names the disk's file also after the AMI is gone.
    pub image_id: String,
    pub volume_gib: u32,
    pub created: Timestamp,
    pub description: String,
    pub tags: Tags,
    /// ARN of the key that it is shown to be encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}
