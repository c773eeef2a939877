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
    /// A path without a file, or a pattern that nothing fits, is a failure.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        for path in wildcard::files(&self.path)? {
            step.may_go_on()?;
            fs::remove_file(&path).map_err(ActionError::file("delete", &path))?;
        }
        Ok(Outputs::new())
    }
}
