//! Why the server cannot start with what it was given.

use std::path::PathBuf;

use crate::config_file::ConfigFileError;
use crate::env_file;
use crate::references::ReferenceError;
use crate::release::ReleaseError;
use crate::variables::Variable;

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
    /// A setting has a value that cannot be used.
    #[error("{name} {origin} must be {expected}, not `{value}`")]
    Value {
        /// Name of the setting.
        name: &'static str,
        /// Where it was set.
        origin: String,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// A setting that may hold a secret has a value that cannot be used.
    #[error("{name} {origin} must be {expected}")]
    Secret {
        /// Name of the setting.
        name: &'static str,
        /// Where it was set.
        origin: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A setting names a secret that the server does not get.
    #[error("{name} {origin} cannot be had")]
    Reference {
        /// Name of the setting.
        name: &'static str,
        /// Where it was set.
        origin: String,
        /// The secret, and what is wrong with it.
        source: ReferenceError,
    },
    /// The release file.
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

impl SettingsError {
    pub(super) fn value(variable: &Variable, expected: &'static str) -> Self {
        let (name, origin) = (variable.name, variable.origin.to_string());
        Self::Value { name, origin, expected, value: variable.value.clone() }
    }

    pub(super) fn configured(name: &'static str, expected: &'static str, value: &str) -> Self {
        Self::Value { name, origin: "in the configuration file".to_owned(), expected, value: value.to_owned() }
    }
}
