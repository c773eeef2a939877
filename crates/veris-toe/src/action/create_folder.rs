//! `CreateFolder`.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::accounts::Account;
use super::delete_folder::remove_with_contents;
use super::ownership::give;
use super::permissions::Mode;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, tree};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateFolder {
    path: String,
    owner: Option<Setting<Account>>,
    group: Option<Setting<Account>>,
    permissions: Option<Setting<Mode>>,
    overwrite: Option<Setting<bool>>,
}

impl Module for CreateFolder {
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        if path.is_dir() {
            self.meet_existing(path)?;
        }
        fs::create_dir_all(path).map_err(ActionError::file("create the folder", path))?;
        if let Some(permissions) = &self.permissions {
            permissions.get()?.apply(path)?;
        }
        give(path, self.owner.as_ref(), self.group.as_ref())?;
        Ok(Outputs::new())
    }
}

impl CreateFolder {
    /// The language's documented default empties an existing folder. Nothing is lost here unless the document asks
    /// for that in so many words.
    fn meet_existing(&self, path: &Path) -> Result<(), ActionError> {
        let is_empty = tree::list(path)?.is_empty();
        match self.overwrite.as_ref().map(Setting::get).transpose()? {
            Some(false) => Err(ActionError::Exists { path: path.to_owned() }),
            Some(true) if !is_empty => remove_with_contents(path),
            None if !is_empty => Err(ActionError::NotEmpty { path: path.to_owned() }),
            Some(true) | None => Ok(()),
        }
    }
}
