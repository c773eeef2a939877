//! Why an action failed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::condition::ConditionError;
use crate::download::DownloadError;
use crate::process::ProcessError;
use crate::s3::S3Error;

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
    #[error("no {kind} matches {pattern}")]
    NoMatch { kind: &'static str, pattern: String },
    #[error("`{pattern}`: a `*` can only stand behind the last `/`")]
    WildcardInFolder { pattern: String },
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
    #[error("refusing to remove or replace {}, which the system needs", path.display())]
    SystemFolder { path: PathBuf },
    #[error("refusing to remove or replace {}, which holds the logs of this run", path.display())]
    OwnFolder { path: PathBuf },
    #[error("{} is no folder", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} is a symbolic link; name the folder it leads to", path.display())]
    IsLink { path: PathBuf },
    #[error("{} and {} lie in each other; choose another destination", from.display(), to.display())]
    IntoItself { from: PathBuf, to: PathBuf },
    #[error("{} is neither a file, a folder nor a symbolic link", path.display())]
    SpecialFile { path: PathBuf },
    #[error("cannot move {} to {}", from.display(), to.display())]
    Rename { from: PathBuf, to: PathBuf, source: io::Error },
    #[error("{} could not be replaced or put back; it is kept as {}", path.display(), kept.display())]
    Stranded { path: PathBuf, kept: PathBuf, source: io::Error },
    #[error("{}: {problem}", path.display())]
    Encoding { path: PathBuf, problem: String },
    #[error(
        "{} cannot be converted, because it is no UTF-8 text from byte {offset} on; was it converted before?",
        path.display()
    )]
    NotUtf8 { path: PathBuf, offset: usize },
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
    #[error(transparent)]
    S3(#[from] S3Error),
    #[error("{} is a folder; say `recurse: true` to upload what lies in it", path.display())]
    NotRecursive { path: PathBuf },
    #[error("the name of {} is no UTF-8, so it can be no key in S3", path.display())]
    NoKey { path: PathBuf },
    #[error("there is no dnf, yum or apt-get on the PATH")]
    NoPackageManager,
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

    /// For `map_err`: what was to be moved where.
    pub(crate) fn rename(from: &Path, to: &Path) -> impl FnOnce(io::Error) -> Self {
        let (from, to) = (from.to_owned(), to.to_owned());
        move |source| Self::Rename { from, to, source }
    }

    /// Whether the same may succeed a moment later: broken connections and errors of a server.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Download(error) => error.may_pass(),
            Self::S3(error) => error.may_pass(),
            _ => false,
        }
    }

    /// A signal ends the run; nothing is attempted again.
    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Interrupted { .. } | Self::Process(ProcessError::Interrupted { .. }))
    }
}
