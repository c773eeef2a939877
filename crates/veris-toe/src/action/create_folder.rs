//! `CreateFolder`.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::accounts::Account;
use super::delete_folder::may_be_removed;
use super::ownership::give;
use super::permissions::Mode;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, tree};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateFolder {
    path: String,
    owner: Option<Setting<Account>>,
    group: Option<Setting<Account>>,
    permissions: Option<Setting<Mode>>,
    overwrite: Option<Setting<bool>>,
}

impl Module for CreateFolder {
    /// A folder that exists keeps its owner and permissions unless the document gives others, as a file that is
    /// written over does.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        if path.is_dir() {
            if !self.overwrite.as_ref().map_or(Ok(true), Setting::get)? {
                return Err(ActionError::Exists { path: path.to_owned() });
            }
            empty(path, step)?;
        }
        fs::create_dir_all(path).map_err(ActionError::file("create the folder", path))?;
        if let Some(permissions) = &self.permissions {
            permissions.get()?.apply(path)?;
        }
        give(path, self.owner.as_ref(), self.group.as_ref())?;
        Ok(Outputs::new())
    }
}

/// As the language has it by default. The folder itself stays, because it may be a mount point.
fn empty(path: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
    let entries = tree::list(path)?;
    if entries.is_empty() {
        return Ok(());
    }
    may_be_removed(path, step)?;
    step.voice.line(&format!("{} exists and is emptied; `overwrite: false` would protect it", path.display()));
    for entry in entries {
        step.may_go_on()?;
        let is_folder = entry.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        removed.map_err(ActionError::file("delete", &entry))?;
    }
    Ok(())
}
