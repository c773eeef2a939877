//! `DeleteFolder`, and the rule which folders no document may remove.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteFolder {
    path: String,
    force: Option<Setting<bool>>,
}

impl Module for DeleteFolder {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        if self.force.as_ref().map_or(Ok(false), Setting::get)? {
            may_be_removed(path, step)?;
            let real = path.canonicalize().map_err(ActionError::file("look at", path))?;
            fs::remove_dir_all(&real).map_err(ActionError::file("delete the folder", path))?;
        } else {
            fs::remove_dir(path).map_err(ActionError::file("delete the folder", path))?;
        }
        Ok(Outputs::new())
    }
}

/// Refuses `/` and the folders directly below it, because a path cut short by an empty parameter must not cost the
/// machine, and what holds the logs and scripts of the run itself.
pub(super) fn may_be_removed(path: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
    let real = path.canonicalize().map_err(ActionError::file("look at", path))?;
    if real.components().count() <= 2 {
        return Err(ActionError::SystemFolder { path: real });
    }
    let scratch = step.scratch.canonicalize().map_err(ActionError::file("look at", step.scratch))?;
    if scratch.starts_with(&real) {
        return Err(ActionError::OwnFolder { path: real });
    }
    Ok(())
}
