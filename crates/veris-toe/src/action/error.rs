//! Why an action failed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::condition::ConditionError;
use crate::download::DownloadError;
use crate::process::ProcessError;

#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("the inputs do not fit `{action}`: {message}")]
    Inputs { action: &'static str, message: String },
    #[error("`{text}` still holds a reference after substitution")]
    OpenReference { text: String },
    #[error("cannot {doing} {}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} exists and `overwrite` is false", path.display())]
    Exists { path: PathBuf },
    #[error("no file matches {pattern}")]
    NoMatch { pattern: String },
    #[error("{} is a folder; name a file, or end the path with `/` to mean a file in it", path.display())]
    IsFolder { path: PathBuf },
    #[error("`{pattern}` may match several files, so the destination has to end with `/`")]
    ManyToOne { pattern: String },
    #[error("{} and the destination are the same file", path.display())]
    SameFile { path: PathBuf },
    #[error("{} has {bytes} bytes; at most {limit} can be read into an output", path.display())]
    TooLarge { path: PathBuf, bytes: u64, limit: u64 },
    #[error("there is no {kind} `{name}` in {file}; create it in an earlier step")]
    NoAccount { kind: &'static str, name: String, file: &'static str },
    #[error("{} exists and is not empty; say `overwrite: true` to empty it", path.display())]
    NotEmpty { path: PathBuf },
    #[error("refusing to remove {}, which the system needs", path.display())]
    SystemFolder { path: PathBuf },
    #[error("{} exists and is no symbolic link", path.display())]
    NotALink { path: PathBuf },
    #[error("the link {} exists; say `force: true` to replace it", path.display())]
    LinkExists { path: PathBuf },
    #[error("the assertion does not hold: {condition}")]
    Assertion { condition: String },
    #[error(transparent)]
    Condition(#[from] ConditionError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error("timed out after {} s (`timeoutSeconds`)", limit.as_secs())]
    TimedOut { limit: Duration },
    #[error("stopped by signal {signal}")]
    Interrupted { signal: i32 },
}

impl ActionError {
    /// For `map_err`: what was being done to which file.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// A signal ends the run; nothing is attempted again.
    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Interrupted { .. } | Self::Process(ProcessError::Interrupted { .. }))
    }
}
