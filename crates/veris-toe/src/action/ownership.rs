//! `SetFileOwner` and `SetFolderOwner`.

use std::os::unix::fs::{chown, lchown};
use std::path::Path;

use serde::Deserialize;

use super::accounts::Account;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, tree};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFileOwner {
    path: String,
    owner: Setting<Account>,
    group: Option<Setting<Account>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFolderOwner {
    path: String,
    owner: Setting<Account>,
    group: Option<Setting<Account>>,
    recursive: Option<Setting<bool>>,
}

impl Module for SetFileOwner {
    /// Follows a symbolic link, as the language asks.
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let path = Path::new(&self.path);
        let (user, group) = resolve(&self.owner, self.group.as_ref())?;
        chown(path, Some(user), group).map_err(ActionError::file("change the owner of", path))?;
        Ok(Outputs::new())
    }
}

impl Module for SetFolderOwner {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let root = Path::new(&self.path);
        let (user, group) = resolve(&self.owner, self.group.as_ref())?;
        let recursive = self.recursive.as_ref().map_or(Ok(true), Setting::get)?;
        tree::visit(root, recursive, &mut |path, _| {
            step.may_go_on()?;
            let change = if path == root { chown(path, Some(user), group) } else { lchown(path, Some(user), group) };
            change.map_err(ActionError::file("change the owner of", path))
        })?;
        Ok(Outputs::new())
    }
}

/// For modules where owner and group are optional: what is not given stays as it is.
pub(super) fn give(
    path: &Path,
    owner: Option<&Setting<Account>>,
    group: Option<&Setting<Account>>,
) -> Result<(), ActionError> {
    let user = owner.map(|owner| owner.get()?.user()).transpose()?;
    let group = group.map(|group| group.get()?.group()).transpose()?;
    if user.is_none() && group.is_none() {
        return Ok(());
    }
    chown(path, user.map(|user| user.id), group).map_err(ActionError::file("change the owner of", path))
}

/// Without a group it is the user's own.
fn resolve(owner: &Setting<Account>, group: Option<&Setting<Account>>) -> Result<(u32, Option<u32>), ActionError> {
    let user = owner.get()?.user()?;
    let group = group.map(|group| group.get()?.group()).transpose()?;
    Ok((user.id, group.or(user.group)))
}
