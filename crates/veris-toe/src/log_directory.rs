//! The folder of one run: `TOE_<time>_<execution id>`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

use crate::request::ExecutionId;

#[derive(Debug, Clone)]
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

    /// Of a run that goes on.
    pub fn reopen(path: &Path) -> Result<Self, LogError> {
        fs::read_dir(path).map_err(LogError::of("go on with the logs in", path))?;
        Ok(Self { path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a document as it was run. Its position in the name keeps documents of the same name apart.
    pub(crate) fn keep_document(&self, position: usize, label: &str, text: &str) -> Result<(), LogError> {
        let name = Path::new(label).file_name().map_or("document.yaml".into(), |name| name.to_string_lossy());
        let path = self.path.join(format!("D{position}__{name}"));
        fs::write(&path, text).map_err(LogError::of("write", &path))
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), LogError> {
        let path = self.path.join(name);
        // A reader sees the file of before or the one of now, and a full disk leaves the former.
        let part = self.path.join(format!("{name}.part"));
        let written = written_to(&part, value).and_then(|()| fs::rename(&part, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&part);
            LogError::of("write", &path)(error)
        })
    }
}

/// Piece by piece: the report of a long run is not held a second time.
fn written_to(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    value.serialize(&mut Serializer::with_formatter(&mut file, PrettyFormatter::with_indent(b"    ")))?;
    file.flush()
}

impl LogError {
    pub(crate) fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }
}
