//! `SetFileEncoding`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use serde::Deserialize;

use super::encoding::Encoding;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, replica};

const PIECE: u64 = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFileEncoding {
    path: String,
    encoding: Option<Setting<Encoding>>,
}

impl Module for SetFileEncoding {
    /// From UTF-8, as the language has it. A file that is something else is refused and stays as it is.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        let encoding = self.encoding.as_ref().map(Setting::get).transpose()?.unwrap_or_default();
        let mut source = File::open(path).map_err(ActionError::file("open", path))?;
        if !source.metadata().map_err(ActionError::file("look at", path))?.is_file() {
            return Err(ActionError::SpecialFile { path: path.to_owned() });
        }
        // A link stays a link: what it leads to is converted.
        let real = path.canonicalize().map_err(ActionError::file("look at", path))?;
        let folder = real.parent().unwrap_or(Path::new("/"));
        let mut converted = tempfile::NamedTempFile::new_in(folder).map_err(ActionError::file("write in", folder))?;
        convert(path, &mut source, converted.as_file_mut(), encoding, step)?;
        replica::carry_attributes(&real, converted.path())?;
        converted.as_file().sync_all().map_err(ActionError::file("write", path))?;
        fs::rename(converted.path(), &real).map_err(ActionError::file("replace", path))?;
        Ok(Outputs::new())
    }
}

fn convert(
    path: &Path,
    source: &mut impl Read,
    target: &mut impl Write,
    encoding: Encoding,
    step: &StepContext<'_>,
) -> Result<(), ActionError> {
    let mut bytes = Vec::new();
    let mut offset = 0;
    loop {
        step.may_go_on()?;
        let count = source.by_ref().take(PIECE).read_to_end(&mut bytes).map_err(ActionError::file("read", path))?;
        let whole = match str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            // The last character goes on in the next piece.
            Err(error) if error.error_len().is_none() && count > 0 => error.valid_up_to(),
            Err(error) => return Err(not_utf8(path, offset + error.valid_up_to())),
        };
        let text = str::from_utf8(&bytes[..whole]).unwrap_or_default();
        // UTF-16 and UTF-32 of simple text is UTF-8 with NUL characters: converting it once more would destroy it.
        if let Some(at) = text.find('\0') {
            return Err(not_utf8(path, offset + at));
        }
        target.write_all(&encoding.encode(text)).map_err(ActionError::file("write the conversion of", path))?;
        bytes.drain(..whole);
        offset += whole;
        if count == 0 {
            return Ok(());
        }
    }
}

fn not_utf8(path: &Path, offset: usize) -> ActionError {
    ActionError::NotUtf8 { path: path.to_owned(), offset }
}
