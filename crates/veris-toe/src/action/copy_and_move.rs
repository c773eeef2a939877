//! `CopyFile` and `MoveFile`, and what they share with `CopyFolder` and `MoveFolder`.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::create_file::create_parents;
use super::replace::room_beside;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, replica, wildcard};

#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct CopyFile(Transfer);

#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct MoveFile(Transfer);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    source: String,
    destination: String,
    overwrite: Option<Setting<bool>>,
}

impl Module for CopyFile {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        self.0.each_file(step, |from, to| {
            fs::copy(from, to).map_err(ActionError::file("copy", from))?;
            Ok(())
        })
    }
}

impl Module for MoveFile {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        self.0.each_file(step, |from, to| match fs::rename(from, to) {
            Err(error) if error.kind() == ErrorKind::CrossesDevices => move_across(from, to),
            other => other.map_err(ActionError::rename(from, to)),
        })
    }
}

/// To another file system: the destination is complete before the source is deleted.
fn move_across(from: &Path, to: &Path) -> Result<(), ActionError> {
    let room = room_beside(&std::path::absolute(to).map_err(ActionError::file("look at", to))?)?;
    let complete = room.path().join("copy");
    let kind = from.symlink_metadata().map_err(ActionError::file("look at", from))?.file_type();
    replica::copy_entry(from, &complete, kind)?;
    fs::rename(&complete, to).map_err(ActionError::rename(&complete, to))?;
    fs::remove_file(from).map_err(ActionError::file("delete the source", from))
}

impl Transfer {
    /// What `source` names. With a `*` it may be several, which need a folder to go to.
    pub(super) fn sources(
        &self,
        find: fn(&str) -> Result<Vec<PathBuf>, ActionError>,
    ) -> Result<Vec<PathBuf>, ActionError> {
        if wildcard::has_wildcard(&self.source) && !self.destination.ends_with('/') {
            return Err(ActionError::ManyToOne { pattern: self.source.clone() });
        }
        find(&self.source)
    }

    pub(super) fn overwrite(&self) -> Result<bool, ActionError> {
        self.overwrite.as_ref().map_or(Ok(true), Setting::get)
    }

    /// A destination that ends with `/` is a folder, in which what is called `from` keeps its name.
    pub(super) fn target(&self, from: &Path) -> PathBuf {
        let destination = Path::new(&self.destination);
        match from.file_name() {
            Some(name) if self.destination.ends_with('/') => destination.join(name),
            _ => destination.to_owned(),
        }
    }

    fn each_file(
        &self,
        step: &StepContext<'_>,
        transfer: impl Fn(&Path, &Path) -> Result<(), ActionError>,
    ) -> Result<Outputs, ActionError> {
        let overwrite = self.overwrite()?;
        for from in self.sources(wildcard::files)? {
            step.may_go_on()?;
            let to = self.target(&from);
            check(&from, &to, overwrite)?;
            create_parents(&to)?;
            transfer(&from, &to)?;
        }
        Ok(Outputs::new())
    }
}

fn check(from: &Path, to: &Path, overwrite: bool) -> Result<(), ActionError> {
    let source = from.metadata().map_err(ActionError::file("look at", from))?;
    if source.is_dir() {
        return Err(ActionError::IsFolder { path: from.to_owned() });
    }
    match to.metadata() {
        // Copying a file onto itself would truncate it.
        Ok(target) if (target.dev(), target.ino()) == (source.dev(), source.ino()) => {
            Err(ActionError::SameFile { path: from.to_owned() })
        }
        Ok(target) if target.is_dir() => Err(ActionError::IsFolder { path: to.to_owned() }),
        Ok(_) if !overwrite => Err(ActionError::Exists { path: to.to_owned() }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ActionError::file("look at", to)(error)),
    }
}
