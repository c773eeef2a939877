//! Who may ask, from where, and how often.

use std::num::NonZeroU32;

use axum::http::{HeaderValue, Uri};

use super::SettingsError;
use crate::access::ApiKey;
use crate::config_file::ConfigFile;
use crate::variables::{self, Variables};

/// Who may ask, from where, and how often.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// Without any the server answers everybody.
    pub keys: Vec<ApiKey>,
    /// Of one key, or of one address where there are no keys.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Origins of web pages that may ask; none unless they are named.
    pub origins: Vec<HeaderValue>,
}

impl AccessSettings {
    /// Keys of the `.env` file come beside those of the configuration.
    pub(super) fn new(config: &ConfigFile, variables: &Variables) -> Result<Self, SettingsError> {
        let mut keys = config.api_keys.clone();
        if let Some(variable) = variables.get(variables::API_KEYS) {
            for text in variable.value.split(',').map(str::trim) {
                // The value is not repeated: it may be a key that was not hashed.
                keys.push(text.parse().map_err(|expected| SettingsError::Secret {
                    name: variable.name,
                    origin: variable.origin.to_string(),
                    expected,
                })?);
            }
        }
        let origins = config.cors_origins.iter().map(|text| origin(text)).collect::<Result<_, _>>()?;
        Ok(Self { keys, requests_per_minute: config.requests_per_minute, origins })
    }
}

fn origin(text: &str) -> Result<HeaderValue, SettingsError> {
    let refused = || SettingsError::configured("cors_origins", "origins such as `https://chat.example.org`", text);
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let is_origin = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.path_and_query().is_none_or(|path| path == "/")
        && !text.ends_with('/');
    if is_origin { HeaderValue::from_str(text).map_err(|_| refused()) } else { Err(refused()) }
}
