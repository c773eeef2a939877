//! YAML of any other kind: it has to be readable.

use veris_toe::yaml;

use super::finding::Finding;
use super::project::File;

pub(super) fn check(file: &File) -> Option<Finding> {
    let error = yaml::scan(&file.text).err()?;
    let place = Some(error.location().into());
    Some(Finding::error(&file.shown, "yaml", place, error.to_string()).cure("correct the YAML here or just above"))
}
