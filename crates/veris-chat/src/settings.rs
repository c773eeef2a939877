//! What the server runs with, put together once at start.
//!
//! A variable of the process wins over the `.env` file, which wins over `config.yaml`, which wins over the defaults.
//! With no file and no variable the server listens on 127.0.0.1:8000.

mod access;
mod documents;
mod error;
mod model;
mod sessions;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;

use axum::http::Uri;
use serde::Deserialize;

pub use access::AccessSettings;
pub use documents::{DocumentSettings, LibrarySettings};
pub use error::SettingsError;
pub use model::{ModelSettings, Timeouts};
pub use sessions::SessionSettings;

use crate::config_file::ConfigFile;
use crate::env_file;
use crate::references::{self, Reference, ReferenceError};
use crate::release::Release;
use crate::tls;
use crate::variables::{self, Variable, Variables};

/// Read when `--config` is not given, if it exists.
const DEFAULT_CONFIG_FILE: &str = "config.yaml";
const DEFAULT_MAX_STREAMS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The validated settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What is asked of Bedrock.
    pub model: ModelSettings,
    /// Chats that may be answered at the same time.
    pub max_streams: NonZeroUsize,
    /// Where conversations are kept.
    pub sessions: SessionSettings,
    /// Documents, their vectors, and what of them the model is shown.
    pub library: LibrarySettings,
    /// Who may ask.
    pub access: AccessSettings,
    /// What becomes of a call to Bedrock whose client has left.
    pub on_disconnect: OnDisconnect,
    /// What `/version` answers.
    pub release: Release,
    /// Whether there was a `.env` at the start. Whoever launches an instance with one does not want a server with defaults.
    pub has_env_file: bool,
    /// Names in the `.env` file that mean nothing to this server.
    pub unknown_names: Vec<String>,
}

/// What becomes of a call to Bedrock whose client has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// It is ended at once.
    #[default]
    Cancel,
    /// It is read to its end within limits, so that its real usage is known.
    Drain,
}

impl FromStr for OnDisconnect {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "cancel" => Ok(Self::Cancel),
            "drain" => Ok(Self::Drain),
            _ => Err(()),
        }
    }
}

impl Settings {
    /// Reads the files and looks variables of the process up with `process`. A value that names a secret counts as not set.
    pub fn load(config: Option<&Path>, process: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Self::read(config, process, |_, _| Ok(None))
    }

    /// The same, with each value that names a secret replaced by the secret. Blocks until all are there.
    pub fn load_with_secrets(
        config: Option<&Path>,
        process: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        Self::read(config, process, |reference, variable| references::ask(reference, tls::config(), variable).map(Some))
    }

    fn read(
        config: Option<&Path>,
        process: impl Fn(&str) -> Option<String>,
        secret: impl Fn(&Reference, &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, ReferenceError>,
    ) -> Result<Self, SettingsError> {
        let default = Path::new(DEFAULT_CONFIG_FILE);
        let config_path = config.or(default.exists().then_some(default));
        let directory = config_path.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let config = config_path.map(ConfigFile::read).transpose()?.unwrap_or_default();

        let env_file = match process("CREDENTIALS_DIRECTORY").map(|directory| Path::new(&directory).join("env")) {
            Some(credential) if credential.exists() => credential,
            _ => directory.join(".env"),
        };
        let state_directory = process("STATE_DIRECTORY");
        let found = read_env_file(&env_file)?;
        let has_env_file = found.is_some();
        let mut variables = Variables::new(&env_file, &found.unwrap_or_default(), process);
        variables.resolve(secret)?;
        let release =
            Release::read(&directory.join(config.release_file.as_deref().unwrap_or(Path::new("release.json"))))?;
        let sessions = SessionSettings::new(&config, &variables, state_directory.as_deref())?;
        let library = LibrarySettings::new(&config, &variables, state_directory.as_deref())?;
        Ok(Self { has_env_file, ..Self::assemble(&config, variables, release, (sessions, library))? })
    }

    fn assemble(
        config: &ConfigFile,
        variables: Variables,
        release: Release,
        (sessions, library): (SessionSettings, LibrarySettings),
    ) -> Result<Self, SettingsError> {
        let host: Option<IpAddr> =
            parsed(variables.get(variables::HOST), "an IP address such as 127.0.0.1 or 0.0.0.0")?;
        let port: Option<u16> = parsed(variables.get(variables::PORT), "a port number up to 65535")?;
        let on_disconnect = parsed(variables.get(variables::ON_DISCONNECT), "`cancel` or `drain`")?;
        Ok(Self {
            listen: SocketAddr::new(
                host.or(config.host).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                port.or(config.port).unwrap_or(8000),
            ),
            model: ModelSettings::new(config, &variables)?,
            max_streams: config.max_streams.unwrap_or(DEFAULT_MAX_STREAMS),
            sessions,
            library,
            access: AccessSettings::new(config, &variables)?,
            on_disconnect: on_disconnect.or(config.on_disconnect).unwrap_or_default(),
            release,
            has_env_file: false,
            unknown_names: variables.unknown,
        })
    }
}

/// What the unit gives the server as its `.env` where the instance has none.
const NO_ENV_FILE: &str = "#";

/// `None` where there is no file: an instance without settings of its own has none.
fn read_env_file(path: &Path) -> Result<Option<Vec<(String, String)>>, SettingsError> {
    match fs_err::read_to_string(path) {
        Ok(text) if text == NO_ENV_FILE => Ok(None),
        Ok(text) => match env_file::parse(&text) {
            Ok(settings) => Ok(Some(settings)),
            Err(source) => Err(SettingsError::EnvFile { path: path.to_owned(), source }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SettingsError::ReadEnvFile(error)),
    }
}

fn endpoint(variable: Option<&Variable>) -> Result<Option<Uri>, SettingsError> {
    const EXPECTED: &str = "a URL that begins with http:// or https://";
    let uri: Option<Uri> = parsed(variable, EXPECTED)?;
    match (uri, variable) {
        (Some(uri), Some(variable)) if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() => {
            Err(SettingsError::value(variable, EXPECTED))
        }
        (uri, _) => Ok(uri),
    }
}

fn parsed<T: FromStr>(variable: Option<&Variable>, expected: &'static str) -> Result<Option<T>, SettingsError> {
    let parse = |variable: &Variable| variable.value.parse().map_err(|_| SettingsError::value(variable, expected));
    variable.map(parse).transpose()
}
