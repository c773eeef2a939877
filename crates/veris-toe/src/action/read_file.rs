//! `ReadFile`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::encoding::Encoding;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};

/// An output is kept in memory and in the logs.
const MAX_BYTES: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ReadFile {
    path: String,
    encoding: Option<Setting<Encoding>>,
    print_file_content: Option<Setting<bool>>,
}

impl Module for ReadFile {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        let encoding = self.encoding.as_ref().map(Setting::get).transpose()?.unwrap_or_default();
        let decoded = encoding.decode(&read(path)?);
        let content =
            decoded.map_err(|error| ActionError::Encoding { path: path.to_owned(), problem: error.to_string() })?;
        if self.print_file_content.as_ref().map_or(Ok(false), Setting::get)? {
            content.lines().for_each(|line| step.voice.output("Content", line));
        }
        Ok(Outputs::from([("content".to_owned(), content)]))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ActionError> {
    let file = File::open(path).map_err(ActionError::file("open", path))?;
    let mut bytes = Vec::new();
    // Files of /proc tell no length, so reading is what is limited.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ActionError::file("read", path))?;
    if bytes.len() as u64 > MAX_BYTES {
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        return Err(ActionError::TooLarge { path: path.to_owned(), bytes, limit: MAX_BYTES });
    }
    Ok(bytes)
}
