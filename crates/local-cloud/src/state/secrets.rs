//! Secrets of Secrets Manager.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ACCOUNT, Tags};

/// A secret. A version that nothing names any more is let go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub name: String,
    /// Six characters at the end of its ARN, so that a secret that is made again has another.
    pub suffix: String,
    pub description: Option<String>,
    pub created: Timestamp,
    pub changed: Timestamp,
    /// When it will be gone, where it is marked for deletion.
    pub deletion: Option<Timestamp>,
    pub tags: Tags,
    /// `AWSCURRENT`; a secret can be made without a value.
    pub current: Option<SecretVersion>,
    /// `AWSPREVIOUS`.
    pub previous: Option<SecretVersion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretVersion {
    /// The client token of the request that made it.
    pub id: String,
    pub value: SecretValue,
    pub created: Timestamp,
}

/// What a secret holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretValue {
    Text(String),
    /// In Base64, as it comes and goes.
    Binary(String),
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}

impl Secret {
    pub fn arn(&self, region: &str) -> String {
        format!("{}-{}", self.partial_arn(region), self.suffix)
    }

    /// Without what nobody can know beforehand; requests may name a secret so.
    pub fn partial_arn(&self, region: &str) -> String {
        format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{}", self.name)
    }

    /// The versions that are left, with their labels.
    pub fn versions(&self) -> impl Iterator<Item = (&'static str, &SecretVersion)> {
        let labelled = [("AWSCURRENT", &self.current), ("AWSPREVIOUS", &self.previous)];
        labelled.into_iter().filter_map(|(label, version)| Some((label, version.as_ref()?)))
    }

    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.deletion.is_some_and(|due| due <= now)
    }
}
