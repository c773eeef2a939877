//! `AppendFile`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde::Deserialize;

use super::encoding::Utf8;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppendFile {
    path: String,
    #[serde(default)]
    content: String,
    encoding: Option<Setting<Utf8>>,
}

impl Module for AppendFile {
    /// The file has to exist.
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        self.encoding.as_ref().map(Setting::get).transpose()?;
        let mut file = OpenOptions::new().append(true).open(path).map_err(ActionError::file("open", path))?;
        file.write_all(self.content.as_bytes()).map_err(ActionError::file("append to", path))?;
        Ok(Outputs::new())
    }
}
