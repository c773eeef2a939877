//! What the server runs with, put together once at start.
//!
//! A variable of the process wins over the `.env` file, which wins over `config.yaml`, which wins over the defaults.
//! With no file and no variable the server listens on 127.0.0.1:8000.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use axum::http::Uri;

use crate::config_file::{ConfigFile, ConfigFileError};
use crate::env_file;
use crate::release::{Release, ReleaseError};
use crate::variables::{self, Variable, Variables};

/// Read when `--config` is not given, if it exists.
const DEFAULT_CONFIG_FILE: &str = "config.yaml";
const DEFAULT_MODEL_ID: &str = "us.anthropic.claude-opus-4-5-20251101-v1:0";
const DEFAULT_REGION: &str = "us-east-1";
/// Bedrock reserves this many tokens of the quota for each call, so it stays far below the model's maximum.
const DEFAULT_MAX_TOKENS: NonZeroU32 = NonZeroU32::new(4096).unwrap();
const DEFAULT_MAX_STREAMS: NonZeroUsize = NonZeroUsize::new(256).unwrap();
const DEFAULT_SYSTEM_PROMPT: &str = "You are a helpful research assistant. Answer clearly and precisely.";

/// The validated settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What is asked of Bedrock.
    pub model: ModelSettings,
    /// Chats that may be answered at the same time.
    pub max_streams: NonZeroUsize,
    /// What `/version` answers.
    pub release: Release,
    /// Names in the `.env` file that mean nothing to this server.
    pub unknown_names: Vec<String>,
}

/// What is asked of Bedrock, and where.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Model or inference profile id.
    pub model_id: String,
    /// Region of the Bedrock endpoint.
    pub region: String,
    /// Another endpoint than AWS's own.
    pub endpoint: Option<Uri>,
    /// Upper bound of an answer.
    pub max_tokens: NonZeroU32,
    /// Instructions that precede every conversation.
    pub system_prompt: String,
}

/// Why the server cannot start with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `config.yaml`.
    #[error(transparent)]
    Config(#[from] ConfigFileError),
    /// The `.env` file exists but cannot be read.
    #[error("failed to read the `.env` file")]
    ReadEnvFile(#[source] std::io::Error),
    /// The `.env` file breaks its grammar.
    #[error("the `.env` file `{path}` is not valid")]
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The line.
        source: env_file::Error,
    },
    /// A variable has a value that cannot be used.
    #[error("{name} {origin} must be {expected}, not `{value}`")]
    Variable {
        /// Name of the variable.
        name: &'static str,
        /// Where it was set.
        origin: String,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// The release file.
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

impl Settings {
    /// Reads the files and looks variables of the process up with `process`.
    pub fn load(config: Option<&Path>, process: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let default = Path::new(DEFAULT_CONFIG_FILE);
        let config_path = config.or(default.exists().then_some(default));
        let directory = config_path.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let config = config_path.map(ConfigFile::read).transpose()?.unwrap_or_default();

        let env_file = match process("CREDENTIALS_DIRECTORY").map(|directory| Path::new(&directory).join("env")) {
            Some(credential) if credential.exists() => credential,
            _ => directory.join(".env"),
        };
        let variables = Variables::new(&env_file, &read_env_file(&env_file)?, process);
        let release =
            Release::read(&directory.join(config.release_file.as_deref().unwrap_or(Path::new("release.json"))))?;
        Self::assemble(config, variables, release)
    }

    fn assemble(config: ConfigFile, variables: Variables, release: Release) -> Result<Self, SettingsError> {
        let host: Option<IpAddr> =
            parsed(variables.get(variables::HOST), "an IP address such as 127.0.0.1 or 0.0.0.0")?;
        let port: Option<u16> = parsed(variables.get(variables::PORT), "a port number up to 65535")?;
        let text = |variable: Option<&Variable>| variable.map(|variable| variable.value.clone());
        Ok(Self {
            listen: SocketAddr::new(
                host.or(config.host).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                port.or(config.port).unwrap_or(8000),
            ),
            model: ModelSettings {
                model_id: text(variables.get(variables::MODEL_ID))
                    .or(config.model_id)
                    .unwrap_or_else(|| DEFAULT_MODEL_ID.to_owned()),
                region: text(variables.get(variables::AWS_REGION)).unwrap_or_else(|| DEFAULT_REGION.to_owned()),
                endpoint: endpoint(variables.get(variables::BEDROCK_ENDPOINT))?,
                max_tokens: config.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
                system_prompt: config.system_prompt.unwrap_or_else(|| DEFAULT_SYSTEM_PROMPT.to_owned()),
            },
            max_streams: config.max_streams.unwrap_or(DEFAULT_MAX_STREAMS),
            release,
            unknown_names: variables.unknown,
        })
    }
}

/// An absent file is an empty one: an instance without settings of its own has none.
fn read_env_file(path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    match fs_err::read_to_string(path) {
        Ok(text) => env_file::parse(&text).map_err(|source| SettingsError::EnvFile { path: path.to_owned(), source }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(SettingsError::ReadEnvFile(error)),
    }
}

fn endpoint(variable: Option<&Variable>) -> Result<Option<Uri>, SettingsError> {
    const EXPECTED: &str = "a URL that begins with http:// or https://";
    let uri: Option<Uri> = parsed(variable, EXPECTED)?;
    match (uri, variable) {
        (Some(uri), Some(variable)) if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() => {
            Err(refused(variable, EXPECTED))
        }
        (uri, _) => Ok(uri),
    }
}

fn parsed<T: std::str::FromStr>(
    variable: Option<&Variable>,
    expected: &'static str,
) -> Result<Option<T>, SettingsError> {
    variable.map(|variable| variable.value.parse().map_err(|_| refused(variable, expected))).transpose()
}

fn refused(variable: &Variable, expected: &'static str) -> SettingsError {
    SettingsError::Variable {
        name: variable.name,
        origin: variable.origin.to_string(),
        expected,
        value: variable.value.clone(),
    }
}
