//! `SetFilePermissions` and `SetFolderPermissions`, and the octal notation they and others take.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, tree};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFilePermissions {
    path: String,
    permissions: Setting<Mode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFolderPermissions {
    path: String,
    permissions: Setting<Mode>,
    recursive: Option<Setting<bool>>,
}

/// `755` or `0755`, always read as octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode(u32);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` are no permissions; write three or four octal digits, such as \"0755\"")]
pub(super) struct ModeError(String);

impl Module for SetFilePermissions {
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        let metadata = path.metadata().map_err(ActionError::file("look at", path))?;
        if metadata.is_dir() {
            return Err(ActionError::IsFolder { path: path.to_owned() });
        }
        self.permissions.get()?.apply(path)?;
        Ok(Outputs::new())
    }
}

impl Module for SetFolderPermissions {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let root = Path::new(&self.path);
        let mode = self.permissions.get()?;
        // Collected first: a folder that loses its own search permission could not be listed any more.
        let mut paths = vec![];
        let recursive = self.recursive.as_ref().map_or(Ok(true), Setting::get)?;
        tree::visit(root, recursive, &mut |path, kind| {
            step.may_go_on()?;
            if !kind.is_symlink() {
                paths.push(path.to_owned());
            }
            Ok(())
        })?;
        for path in paths.iter().rev() {
            mode.apply(path)?;
        }
        Ok(Outputs::new())
    }
}

impl Mode {
    pub(super) fn apply(self, path: &Path) -> Result<(), ActionError> {
        fs::set_permissions(path, Permissions::from_mode(self.0))
            .map_err(ActionError::file("change the permissions of", path))
    }
}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        let mode = is_octal.then(|| u32::from_str_radix(text, 8).ok()).flatten();
        mode.map(Self).ok_or_else(|| ModeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal() {
        assert_eq!("755".parse::<Mode>().unwrap(), Mode(0o755));
        assert_eq!("0644".parse::<Mode>().unwrap(), Mode(0o644));
        for wrong in ["", "7", "888", "07777", "u+x", "-75", "+755", "0x1f"] {
            assert!(wrong.parse::<Mode>().is_err(), "{wrong}");
        }
    }
}
