//! The inputs of `ExecuteDocument`, which the runner carries out itself.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::ActionError;
use super::setting::Setting;
use crate::request::Parameters;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExecuteDocument {
    #[serde(deserialize_with = "source")]
    document: Source,
    #[serde(rename = "document-s3-bucket-owner")]
    bucket_owner: Option<Setting<String>>,
    /// Separated by commas.
    phases: Option<String>,
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    name: String,
    value: String,
}

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    S3(String),
    /// Of Image Builder, by its ARN.
    Component(String),
}

impl ExecuteDocument {
    pub(crate) fn source(&self) -> &Source {
        &self.document
    }

    pub(crate) fn bucket_owner(&self) -> Result<Option<String>, ActionError> {
        self.bucket_owner.as_ref().map(Setting::get).transpose()
    }

    /// `None` runs every phase.
    pub(crate) fn phases(&self) -> Option<Vec<String>> {
        let phases = self.phases.as_deref().filter(|phases| !phases.trim().is_empty())?;
        Some(phases.split(',').map(|phase| phase.trim().to_owned()).collect())
    }

    pub(crate) fn parameters(&self) -> Parameters {
        self.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.value.clone())).collect()
    }
}

fn source<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
    let text = String::deserialize(deserializer)?;
    let Ok(source) = text.parse();
    Ok(source)
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text.starts_with("s3://") {
            Self::S3(text.to_owned())
        } else if text.starts_with("arn:") {
            Self::Component(text.to_owned())
        } else {
            Self::File(text.strip_prefix("file://").unwrap_or(text).into())
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::S3(text) | Self::Component(text) => f.write_str(text),
        }
    }
}
