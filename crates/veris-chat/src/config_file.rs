//! `config.yaml`, the configuration that is baked into the image.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use crate::access::ApiKey;
use crate::settings::OnDisconnect;

/// Every key is optional; an unknown key is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfigFile {
    pub(crate) host: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    pub(crate) model_id: Option<String>,
    pub(crate) max_tokens: Option<NonZeroU32>,
    pub(crate) context_tokens: Option<NonZeroU32>,
    pub(crate) prompt_caching: Option<bool>,
    pub(crate) timeouts: TimeoutsInSeconds,
    pub(crate) on_disconnect: Option<OnDisconnect>,
    pub(crate) max_streams: Option<NonZeroUsize>,
    pub(crate) api_keys: Vec<ApiKey>,
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) session_store: Option<String>,
    pub(crate) system_prompt: Option<String>,
    pub(crate) release_file: Option<PathBuf>,
    pub(crate) documents: DocumentsInFile,
}

/// Which documents are read.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DocumentsInFile {
    pub(crate) allow_http: bool,
    pub(crate) allow_ports: Vec<u16>,
    pub(crate) allow_networks: Vec<IpNet>,
    pub(crate) max_megabytes: Option<NonZeroU32>,
    pub(crate) fetch_seconds: Option<NonZeroU32>,
    pub(crate) parse_seconds: Option<NonZeroU32>,
    pub(crate) embedding_model_id: Option<String>,
    pub(crate) passages: Option<NonZeroUsize>,
}

/// Limits of a call to Bedrock.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeoutsInSeconds {
    pub(crate) headers: Option<NonZeroU32>,
    pub(crate) first_token: Option<NonZeroU32>,
    pub(crate) idle: Option<NonZeroU32>,
    pub(crate) total: Option<NonZeroU32>,
}

/// Why `config.yaml` was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The file is not there or not readable.
    #[error("failed to read the configuration file")]
    Read(#[source] std::io::Error),
    /// The file is no YAML, or has an unknown key or a wrong value.
    #[error("the configuration file `{path}` is not valid")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Names the line and the key.
        source: serde_yaml::Error,
    },
}

impl ConfigFile {
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let text = fs_err::read_to_string(path).map_err(ConfigFileError::Read)?;
        let parsed: Option<Self> =
            serde_yaml::from_str(&text).map_err(|source| ConfigFileError::Parse { path: path.to_owned(), source })?;
        Ok(parsed.unwrap_or_default())
    }
}
