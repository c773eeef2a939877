//! `DeleteFile`.

use std::fs;

use serde::Deserialize;

use super::{ActionError, Module, Outputs, StepContext, wildcard};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteFile {
    path: String,
}

impl Module for DeleteFile {
    /// A path without a file is a failure; a pattern that nothing fits leaves nothing to delete.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let found = wildcard::entries(&self.path, |entry| entry.is_symlink() || !entry.is_dir())?;
        if found.is_empty() {
            step.voice.line(&format!("no file matches {}; there is nothing to delete", self.path));
        }
        for path in found {
            step.may_go_on()?;
            fs::remove_file(&path).map_err(ActionError::file("delete", &path))?;
        }
        Ok(Outputs::new())
    }
}
