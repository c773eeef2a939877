//! The service's `.env`: parsed once, checked, merged, and written in the same grammar the server reads.
//!
//! One `NAME=VALUE` a line; `#` starts a comment line; blank lines are ignored; one pair of surrounding quotes is removed;
//! nothing is escaped or expanded. `ssm:/NAME` and `secretsmanager:NAME` name a secret, which the server asks for at each start.
//! Values are secrets: no error and no `Debug` shows one.

mod changes;
mod line;
mod reference;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use self::changes::{Change, What};
use self::line::Line;
pub use self::line::LineError;
use crate::error::{Failure, user};

/// Checked variables, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvFile {
    variables: BTreeMap<String, String>,
}

/// Why a `.env` was refused.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    #[error("failed to read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not UTF-8 text: byte {byte} cannot be read")]
    NotText { path: PathBuf, byte: usize },
    #[error("`{path}`, line {line}")]
    Line { path: PathBuf, line: usize, source: LineError },
    #[error("`{path}`, line {line}: `{name}` is already set in line {first}; remove one of them")]
    Duplicate { path: PathBuf, line: usize, name: String, first: usize },
    #[error("environment variable `{name}` of the recipe")]
    Recipe { name: String, source: LineError },
}

impl EnvFile {
    /// The file named on the command line; otherwise `.env` of the project, where there is one.
    pub fn find(named: Option<&Path>, project: &Path) -> Result<Self, EnvFileError> {
        let default = project.join(".env");
        match named {
            Some(path) => Self::read(path),
            None if default.exists() => Self::read(&default),
            None => Ok(Self::default()),
        }
    }

    pub fn read(path: &Path) -> Result<Self, EnvFileError> {
        let bytes = std::fs::read(path).map_err(|source| EnvFileError::Read { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes)
            .map_err(|error| EnvFileError::NotText { path: path.to_owned(), byte: error.utf8_error().valid_up_to() })?;
        Self::parse(&text, path)
    }

    /// `path` is for errors only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, EnvFileError> {
        let mut variables = BTreeMap::new();
        for variable in Self::entries(text, path) {
            let (name, value) = variable?;
            variables.insert(name, value);
        }
        Ok(Self { variables })
    }

    /// The variables of the lines that are right.
    pub(crate) fn readable(text: &str) -> impl Iterator<Item = (String, String)> {
        Self::entries(text, Path::new(".env")).filter_map(Result::ok)
    }

    /// Everything that is wrong in `text`, line by line.
    pub fn mistakes(text: &str, path: &Path) -> Vec<EnvFileError> {
        Self::entries(text, path).filter_map(Result::err).collect()
    }

    fn entries(text: &str, path: &Path) -> impl Iterator<Item = Result<(String, String), EnvFileError>> {
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        (1..).zip(text.split('\n')).filter_map(move |(line, content)| {
            let content = content.strip_suffix('\r').unwrap_or(content);
            match Line::parse(content) {
                Err(source) => Some(Err(EnvFileError::Line { path: path.to_owned(), line, source })),
                Ok(Line::Nothing) => None,
                Ok(Line::Variable { name, value }) => match lines.insert(name.clone(), line) {
                    Some(first) => Some(Err(EnvFileError::Duplicate { path: path.to_owned(), line, name, first })),
                    None => Some(Ok((name, value))),
                },
            }
        })
    }

    /// The values an environment of the recipe brings along, which `self` overrides.
    pub fn over(mut self, defaults: &BTreeMap<String, String>) -> Result<Self, EnvFileError> {
        for (name, value) in defaults {
            line::check(name, value).map_err(|source| EnvFileError::Recipe { name: name.clone(), source })?;
            self.variables.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Ok(self)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The text the server reads back to the same variables.
    pub fn render(&self) -> String {
        self.variables.iter().map(|(name, value)| line::render(name, value)).collect()
    }
}

impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl From<EnvFileError> for Failure {
    fn from(error: EnvFileError) -> Self {
        let hint = match &error {
            EnvFileError::Read { .. } | EnvFileError::NotText { .. } => "name the file with `--env-file FILE`",
            EnvFileError::Recipe { .. } => "correct `env` of this environment in the recipe",
            EnvFileError::Line { .. } | EnvFileError::Duplicate { .. } => {
                "one NAME=VALUE a line; a line that begins with `#` is a comment"
            }
        };
        user("the service's environment was refused").hint(hint).source(error)
    }
}

#[cfg(test)]
mod tests;
