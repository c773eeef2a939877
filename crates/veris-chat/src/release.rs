//! What `/version` answers: which bake put this server into its image.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `release.json`, written into the image by the bake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Name of the service.
    pub service: String,
    /// Version that was baked.
    pub version: String,
    /// Bake digest over every input of the image.
    pub digest: String,
    /// Commit the inputs came from.
    pub commit: String,
}

/// Why the release file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The file exists but cannot be read.
    #[error("failed to read the release file")]
    Read(#[source] std::io::Error),
    /// The file is not what a bake writes.
    #[error("the release file `{path}` is not valid: bake the image again, or remove the file to run unbaked")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

impl Release {
    /// The release in `path`; a server that runs outside an image has no such file and says `unbaked`.
    pub(crate) fn read(path: &Path) -> Result<Self, ReleaseError> {
        match fs_err::read_to_string(path) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|source| ReleaseError::Parse { path: path.to_owned(), source })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::unbaked()),
            Err(error) => Err(ReleaseError::Read(error)),
        }
    }

    /// What a server outside an image says of itself.
    pub fn unbaked() -> Self {
        Self {
            service: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: "unbaked".to_owned(),
            commit: "unbaked".to_owned(),
        }
    }
}
