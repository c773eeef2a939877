//! Why S3 did not do what was asked.

use crate::download::metadata::MetadataError;
use crate::http;

#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("cannot address the bucket {bucket}: {reason}")]
    Address { bucket: String, reason: String },
    #[error("cannot {doing} {name}: the server answered {status}{detail}")]
    Status { doing: &'static str, name: String, status: u16, detail: String },
    #[error("cannot {doing} {name}")]
    Transport { doing: &'static str, name: String, source: Box<ureq::Error> },
    #[error("cannot {doing} {name}: {reason}")]
    Answer { doing: &'static str, name: String, reason: String },
    #[error("no object matches {name}")]
    NoObjects { name: String },
    #[error(
        "{name} matches more than {limit} objects, which is as many as can be downloaded at once; use longer prefixes"
    )]
    TooManyObjects { name: String, limit: usize },
    #[error("the key of s3://{bucket}/{key} is no path below the destination; download the object by its name")]
    Escapes { bucket: String, key: String },
}

impl S3Error {
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            // S3 closes a connection whose body stalls with this code, which is no fault of the request.
            Self::Status { status: 400, detail, .. } => detail.starts_with(" RequestTimeout"),
            Self::Status { status, .. } => http::is_passing(*status),
            Self::Transport { source, .. } => http::may_hold(source),
            _ => false,
        }
    }
}
