//! `ExecuteBash` and `ExecuteBinary`.

use std::fs;
use std::process::Command;

use serde::Deserialize;

use super::{ActionError, Module, Outputs, StepContext};
use crate::process;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecuteBash {
    commands: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecuteBinary {
    path: String,
    #[serde(default)]
    arguments: Vec<String>,
}

impl Module for ExecuteBash {
    /// All commands become one script, so that a variable or `set -e` of the first holds for the last.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let script = step.scratch.join("input.sh");
        let mut text = self.commands.join("\n");
        text.push('\n');
        fs::write(&script, text).map_err(ActionError::file("write", &script))?;
        let mut command = Command::new("bash");
        command.arg(&script);
        let stdout = process::run(command, "bash", step)?;
        Ok(Outputs::from([("stdout".to_owned(), stdout)]))
    }
}

impl Module for ExecuteBinary {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        let stdout = process::run(command, &self.path, step)?;
        Ok(Outputs::from([("stdout".to_owned(), stdout)]))
    }
}
