//! The folder of one run: `TOE_<time>_<execution id>`.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::request::ExecutionId;

#[derive(Debug)]
pub struct LogDirectory {
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub struct LogError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl LogDirectory {
    /// Readable by its owner only: logs hold the values of parameters.
    pub fn create(parent: &Path, id: &ExecutionId, now: Timestamp) -> Result<Self, LogError> {
        fs::create_dir_all(parent).map_err(LogError::of("create the folder", parent))?;
        let time = now.strftime("%Y-%m-%d_%H-%M-%S_UTC-0").to_string();
        let parent = std::path::absolute(parent).map_err(LogError::of("find", parent))?;
        let path = parent.join(format!("TOE_{time}_{id}"));
        DirBuilder::new().mode(0o700).create(&path).map_err(LogError::of("create the folder", &path))?;
        Ok(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a document as it was run. The position keeps documents of the same name apart.
    pub(crate) fn keep_document(&self, position: usize, label: &str, text: &str) -> Result<(), LogError> {
        let name = Path::new(label).file_name().map_or("document.yaml".into(), |name| name.to_string_lossy());
        let unprefixed = self.path.join(&*name);
        let path = if unprefixed.exists() { self.path.join(format!("{position}-{name}")) } else { unprefixed };
        fs::write(&path, text).map_err(LogError::of("write", &path))
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), LogError> {
        let path = self.path.join(name);
        let json = serde_json::to_vec_pretty(value).map_err(io::Error::from);
        json.and_then(|json| fs::write(&path, json)).map_err(LogError::of("write", &path))
    }
}

impl LogError {
    pub(crate) fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }
}
