//! `CopyFolder` and `MoveFolder`. A folder that exists at the destination is replaced as a whole.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::copy_and_move::Transfer;
use super::create_file::create_parents;
use super::delete_folder::may_be_removed;
use super::replace::{put_into_place, room_beside};
use super::resolve::resolved;
use super::{ActionError, Module, Outputs, StepContext, replica, wildcard};

#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct CopyFolder(Transfer);

#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct MoveFolder(Transfer);

impl Module for CopyFolder {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        for from in self.0.sources(wildcard::folders)? {
            let to = prepare(&self.0, &from, step)?;
            copy(&from, &to, step)?;
        }
        Ok(Outputs::new())
    }
}

impl Module for MoveFolder {
    /// The source is deleted last, when its copy is in place.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        for from in self.0.sources(wildcard::folders)? {
            if from.is_symlink() {
                return Err(ActionError::IsLink { path: from });
            }
            may_be_removed(&from, step)?;
            let to = prepare(&self.0, &from, step)?;
            match put_into_place(&from, &to) {
                Err(ActionError::Rename { source, .. }) if source.kind() == ErrorKind::CrossesDevices => {
                    copy(&from, &to, step)?;
                    fs::remove_dir_all(&from).map_err(ActionError::file("delete the source", &from))?;
                }
                other => other?,
            }
        }
        Ok(Outputs::new())
    }
}

/// Answers where the folder goes, with links resolved, after everything that can be refused was.
fn prepare(transfer: &Transfer, from: &Path, step: &StepContext<'_>) -> Result<PathBuf, ActionError> {
    step.may_go_on()?;
    let real = from.canonicalize().map_err(ActionError::file("look at", from))?;
    if !real.is_dir() {
        return Err(ActionError::NoFolder { path: from.to_owned() });
    }
    let to = resolved(&transfer.target(if from.file_name().is_some() { from } else { &real }))
        .map_err(ActionError::file("look at", from))?;
    if to.starts_with(&real) || real.starts_with(&to) {
        return Err(ActionError::IntoItself { from: real, to });
    }
    if to.symlink_metadata().is_ok() {
        if !to.is_dir() {
            return Err(ActionError::NoFolder { path: to });
        }
        if !transfer.overwrite()? {
            return Err(ActionError::Exists { path: to });
        }
        may_be_removed(&to, step)?;
    }
    create_parents(&to)?;
    Ok(to)
}

fn copy(from: &Path, to: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
    let from = &from.canonicalize().map_err(ActionError::file("look at", from))?;
    let room = room_beside(to)?;
    let complete = room.path().join("copy");
    fs::create_dir(&complete).map_err(ActionError::file("create the folder", &complete))?;
    replica::copy_folder(from, &complete, step)?;
    put_into_place(&complete, to)
}
