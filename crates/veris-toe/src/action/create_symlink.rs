//! `CreateSymlink`.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde::Deserialize;

use super::create_file::create_parents;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateSymlink {
    path: String,
    target: String,
    force: Option<Setting<bool>>,
}

impl Module for CreateSymlink {
    /// The target has to exist; a relative one is meant from the link's folder, as the link itself will be read.
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let (path, target) = (Path::new(&self.path), Path::new(&self.target));
        create_parents(path)?;
        let seen_from_link = path.parent().map_or(target.to_owned(), |folder| folder.join(target));
        seen_from_link.metadata().map_err(ActionError::file("look at the target", &seen_from_link))?;
        match path.symlink_metadata() {
            Ok(found) if !found.is_symlink() => return Err(ActionError::NotALink { path: path.to_owned() }),
            Ok(_) if !self.force.as_ref().map_or(Ok(false), Setting::get)? => {
                return Err(ActionError::LinkExists { path: path.to_owned() });
            }
            Ok(_) => fs::remove_file(path).map_err(ActionError::file("replace", path))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(ActionError::file("look at", path)(error)),
        }
        symlink(target, path).map_err(ActionError::file("create the link", path))?;
        Ok(Outputs::new())
    }
}
