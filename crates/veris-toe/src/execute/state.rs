//! The state of a run that waits for a reboot: one file, `EXECUTION-ID.state.json`, readable by its owner only because it
//! holds the values of parameters.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::progress::Progress;
use crate::request::Request;

/// Of the file's form. A file of another version is refused.
const VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot {doing} {}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not the complete state of a run", path.display())]
    Torn { path: PathBuf, source: serde_json::Error },
    #[error("{} was written by another version of veris-toe (its form is {found}, this one reads {VERSION})", path.display())]
    Version { path: PathBuf, found: u32 },
    #[error("the run `{id}` waits for a reboot with other documents, parameters or phases than these (see {})", path.display())]
    Changed { id: String, path: PathBuf },
    #[error("the run `{id}` went on after a reboot, but did not end (see {})", path.display())]
    Interrupted { id: String, path: PathBuf },
}

/// Where the state of one run is kept.
pub(super) struct StateFile {
    waiting: PathBuf,
    /// Its name once a run has gone on with it, so that nothing runs twice should that run be killed.
    taken: PathBuf,
}

/// What a run that goes on begins with.
pub(super) struct Resumed {
    pub(super) log_directory: PathBuf,
    pub(super) reboots: u32,
    pub(super) progress: Progress,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    request: String,
    log_directory: PathBuf,
    reboots: u32,
    progress: Progress,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Saving<'a> {
    version: u32,
    request: String,
    log_directory: &'a Path,
    reboots: u32,
    progress: &'a Progress,
}

impl StateError {
    pub fn cure(&self) -> Option<String> {
        match self {
            Self::File { .. } => Some("choose a folder that outlives the reboot with --state-directory".to_owned()),
            Self::Torn { path, .. } | Self::Version { path, .. } | Self::Interrupted { path, .. } => {
                Some(format!("remove {} to run all of it from the beginning", path.display()))
            }
            Self::Changed { path, .. } => Some(format!(
                "give the same ones to go on, or remove {} to run these from the beginning",
                path.display()
            )),
        }
    }
}

impl StateFile {
    pub(super) fn of(request: &Request) -> Self {
        let folder = request.state_directory.as_ref().unwrap_or(&request.log_directory);
        let id = &request.execution_id;
        Self { waiting: folder.join(format!("{id}.state.json")), taken: folder.join(format!("{id}.resumed.json")) }
    }

    /// The state that the request left, if it left one. It cannot be taken twice.
    pub(super) fn take(&self, request: &Request) -> Result<Option<Resumed>, StateError> {
        let path = self.waiting.clone();
        let bytes = match fs::read(&path) {
            // Making the folder of the logs has the better message where a file is in its place.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                if self.taken.exists() {
                    let id = request.execution_id.to_string();
                    return Err(StateError::Interrupted { id, path: self.taken.clone() });
                }
                return Ok(None);
            }
            bytes => bytes.map_err(at("read", &path))?,
        };
        let torn = |source| StateError::Torn { path: path.clone(), source };
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(torn)?;
        if version != VERSION {
            return Err(StateError::Version { path, found: version });
        }
        let saved: Saved = serde_json::from_slice(&bytes).map_err(torn)?;
        if saved.request != digest(request) {
            return Err(StateError::Changed { id: request.execution_id.to_string(), path });
        }
        fs::rename(&path, &self.taken).map_err(at("rename", &path))?;
        let Saved { log_directory, reboots, progress, .. } = saved;
        Ok(Some(Resumed { log_directory, reboots, progress }))
    }

    /// On disk before this answers: the machine is about to go down.
    pub(super) fn save(
        &self,
        request: &Request,
        log_directory: &Path,
        reboots: u32,
        progress: &Progress,
    ) -> Result<(), StateError> {
        let saving = Saving { version: VERSION, request: digest(request), log_directory, reboots, progress };
        let folder = self.waiting.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(at("create", folder))?;
        // Readable by its owner only, as the library makes every file.
        let file = NamedTempFile::new_in(folder).map_err(at("write a file in", folder))?;
        serde_json::to_writer(file.as_file(), &saving).map_err(io::Error::from).map_err(at("write", &self.waiting))?;
        file.as_file().sync_all().map_err(at("write", &self.waiting))?;
        file.persist(&self.waiting).map_err(|error| at("write", &self.waiting)(error.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at("write", folder))?;
        self.remove();
        Ok(())
    }

    /// What was taken is of no use any more.
    pub(super) fn remove(&self) {
        // Where there was no reboot there is no file.
        let _ = fs::remove_file(&self.taken);
    }
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::File { doing, path, source }
}

/// Of everything that decides which steps run with which values.
fn digest(request: &Request) -> String {
    let documents = request.documents.iter().map(|assignment| (&assignment.text, &assignment.parameters));
    let documents: Vec<_> = documents.collect();
    let json = serde_json::to_vec(&(&request.phases, documents)).unwrap_or_default();
    hex::encode(Sha256::digest(&json))
}
