//! `CreateFile`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::Deserialize;

use super::accounts::Account;
use super::encoding::Encoding;
use super::ownership::give;
use super::permissions::Mode;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateFile {
    path: String,
    #[serde(default)]
    content: String,
    encoding: Option<Setting<Encoding>>,
    owner: Option<Setting<Account>>,
    group: Option<Setting<Account>>,
    permissions: Option<Setting<Mode>>,
    overwrite: Option<Setting<bool>>,
}

impl Module for CreateFile {
    /// Without `permissions` the file has the umask's, as the language's default of 0666 means.
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        let encoding = self.encoding.as_ref().map(Setting::get).transpose()?.unwrap_or_default();
        let overwrite = self.overwrite.as_ref().map_or(Ok(true), Setting::get)?;
        create_parents(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).create_new(!overwrite);
        let mut file = options.open(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => ActionError::Exists { path: path.to_owned() },
            _ => ActionError::file("create", path)(source),
        })?;
        // Permissions come before content, so that a secret is never readable by others.
        if let Some(permissions) = &self.permissions {
            permissions.get()?.apply(path)?;
        }
        give(path, self.owner.as_ref(), self.group.as_ref())?;
        file.write_all(&encoding.encode(&self.content)).map_err(ActionError::file("write", path))?;
        Ok(Outputs::new())
    }
}

/// Makes the folders a file or link will lie in.
pub(super) fn create_parents(path: &Path) -> Result<(), ActionError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            fs::create_dir_all(parent).map_err(ActionError::file("create the folder", parent))
        }
        _ => Ok(()),
    }
}
