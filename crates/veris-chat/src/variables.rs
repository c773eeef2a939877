//! The variables the server knows, from the process and from the `.env` file.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::references::{Reference, ReferenceError};
use crate::settings::SettingsError;

pub(crate) const HOST: &str = "HOST";
pub(crate) const PORT: &str = "PORT";
pub(crate) const MODEL_ID: &str = "MODEL_ID";
pub(crate) const AWS_REGION: &str = "AWS_REGION";
pub(crate) const BEDROCK_ENDPOINT: &str = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME";

pub(crate) const SESSION_STORE: &str = "SESSION_STORE";
pub(crate) const ON_DISCONNECT: &str = "ON_DISCONNECT";

pub(crate) const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
pub(crate) const API_KEYS: &str = "API_KEYS";
pub(crate) const EMBEDDING_MODEL_ID: &str = "EMBEDDING_MODEL_ID";
pub(crate) const QDRANT_URL: &str = "QDRANT_URL";
pub(crate) const QDRANT_API_KEY: &str = "QDRANT_API_KEY";
pub(crate) const QDRANT_COLLECTION: &str = "QDRANT_COLLECTION";
/// Where values that name a secret are asked for, as the SDKs call it.
const SECRET_ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_SECRETS_MANAGER"];

const READ: [&str; 15] = [
    HOST,
    PORT,
    MODEL_ID,
    AWS_REGION,
    BEDROCK_ENDPOINT,
    SESSION_STORE,
    DYNAMODB_ENDPOINT,
    ON_DISCONNECT,
    API_KEYS,
    EMBEDDING_MODEL_ID,
    QDRANT_URL,
    QDRANT_API_KEY,
    QDRANT_COLLECTION,
    SECRET_ENDPOINTS[0],
    SECRET_ENDPOINTS[1],
];

/// The variables that are set; an empty value counts as not set.
#[derive(Debug)]
pub(crate) struct Variables {
    set: Vec<Variable>,
    /// Names in the `.env` file that mean nothing to this server.
    pub(crate) unknown: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// Where a variable was set; an error about it says so.
#[derive(Debug)]
pub(crate) enum Origin {
    Process,
    EnvFile(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process => f.write_str("in the environment of the process"),
            Self::EnvFile(path) => write!(f, "in `{}`", path.display()),
        }
    }
}

impl Variables {
    pub(crate) fn new(path: &Path, env_file: &[(String, String)], process: impl Fn(&str) -> Option<String>) -> Self {
        let from_process = |name| process(name).map(|value| Variable { name, value, origin: Origin::Process });
        let from_file = |name| {
            let (_, value) = env_file.iter().rev().find(|(candidate, _)| candidate == name)?;
            Some(Variable { name, value: value.clone(), origin: Origin::EnvFile(path.to_owned()) })
        };
        let is_set = |variable: &Variable| !variable.value.is_empty();
        let set = READ
            .into_iter()
            .filter_map(|name| from_process(name).filter(is_set).or_else(|| from_file(name).filter(is_set)));
        Self {
            set: set.collect(),
            unknown: env_file
                .iter()
                .map(|(name, _)| name.clone())
                .filter(|name| !READ.contains(&name.as_str()))
                .collect(),
        }
    }

    /// Puts `secret` in the place of each value that names one. `None` counts as not set.
    pub(crate) fn resolve(
        &mut self,
        secret: impl Fn(&Reference, &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, ReferenceError>,
    ) -> Result<(), SettingsError> {
        let endpoints: Vec<(&str, String)> =
            self.set.iter().map(|variable| (variable.name, variable.value.clone())).collect();
        let find = |name: &str| endpoints.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
        let mut set = Vec::new();
        for mut variable in self.set.drain(..) {
            if let Some(reference) = Reference::of(&variable.value) {
                let (name, origin) = (variable.name, variable.origin.to_string());
                let found = secret(&reference, &find);
                match found.map_err(|source| SettingsError::Reference { name, origin, source })? {
                    Some(value) => variable.value = value,
                    None => continue,
                }
            }
            set.push(variable);
        }
        self.set = set;
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Variable> {
        self.set.iter().find(|variable| variable.name == name)
    }
}
