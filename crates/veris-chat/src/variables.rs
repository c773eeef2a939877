//! The variables the server knows, from the process and from the `.env` file.

use std::fmt;
use std::path::{Path, PathBuf};

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

const READ: [&str; 10] = [
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
];
/// Settings of a shared store of documents; an instance may already carry them although this version keeps its own.
const KNOWN_BUT_UNREAD: [&str; 2] = ["QDRANT_URL", "QDRANT_API_KEY"];

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
        let known = |name: &str| READ.contains(&name) || KNOWN_BUT_UNREAD.contains(&name);
        Self {
            set: set.collect(),
            unknown: env_file.iter().map(|(name, _)| name.clone()).filter(|name| !known(name)).collect(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Variable> {
        self.set.iter().find(|variable| variable.name == name)
    }
}
