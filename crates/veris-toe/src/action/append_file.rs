//! `AppendFile`.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;

use serde::Deserialize;

use super::encoding::Encoding;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};

/// The longest byte order mark.
const MARK_BYTES: u64 = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppendFile {
    path: String,
    #[serde(default)]
    content: String,
    encoding: Option<Setting<Encoding>>,
}

impl Module for AppendFile {
    /// The file has to exist. In `utf-16` and `utf-32` the byte order is that of its mark, if it begins with one.
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        let encoding = self.encoding.as_ref().map(Setting::get).transpose()?.unwrap_or_default();
        let open = |options: &OpenOptions| options.open(path).map_err(ActionError::file("open", path));
        let mut file = open(OpenOptions::new().append(true))?;
        let encoding = if encoding == Encoding::Utf8 {
            encoding
        } else {
            let mut beginning = Vec::new();
            let read = open(OpenOptions::new().read(true))?.take(MARK_BYTES).read_to_end(&mut beginning);
            read.map_err(ActionError::file("read", path))?;
            encoding.of_file(&beginning)
        };
        file.write_all(&encoding.encode(&self.content)).map_err(ActionError::file("append to", path))?;
        Ok(Outputs::new())
    }
}
