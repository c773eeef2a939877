//! `S3Download`: one object, or everything below a prefix.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::create_file::create_parents;
use super::resolve::resolved;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};
use crate::download::Download;
use crate::s3::{ATTEMPTS, Location, Objects, S3Error, Session, list};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct S3Download {
    source: Setting<Objects>,
    destination: String,
    expected_bucket_owner: Option<Setting<String>>,
    overwrite: Option<Setting<bool>>,
}

/// An object and where it goes.
struct Part {
    key: String,
    to: PathBuf,
    /// The object only says that there is a folder.
    is_folder: bool,
}

impl Module for S3Download {
    /// The destination's folder has to exist.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let owner = self.expected_bucket_owner.as_ref().map(Setting::get).transpose()?;
        match self.source.get()? {
            Objects::One(object) => self.one(&object, owner, step)?,
            Objects::Below(prefix) => self.below(&prefix, owner, step)?,
        }
        Ok(Outputs::new())
    }
}

impl S3Download {
    fn one(&self, object: &Location, owner: Option<String>, step: &StepContext<'_>) -> Result<(), ActionError> {
        let destination = Path::new(&self.destination);
        if destination.is_dir() || self.destination.ends_with('/') {
            return Err(ActionError::IsFolder { path: destination.to_owned() });
        }
        if destination.exists() && !self.overwrite()? {
            return Err(ActionError::Exists { path: destination.to_owned() });
        }
        let session = Session::open(step.aws, &object.bucket, owner)?;
        fetch(&session, object, destination, step)
    }

    /// Nothing is downloaded when any of the objects could not be. What was when one fails stays.
    fn below(&self, prefix: &Location, owner: Option<String>, step: &StepContext<'_>) -> Result<(), ActionError> {
        let folder = Path::new(&self.destination);
        if !folder.is_dir() {
            return Err(ActionError::NoFolder { path: folder.to_owned() });
        }
        let session = Session::open(step.aws, &prefix.bucket, owner)?;
        let keys = list::keys(&session, prefix, step)?;
        if keys.is_empty() {
            return Err(S3Error::NoObjects { name: format!("{prefix}*") }.into());
        }
        let parts = keys.into_iter().filter_map(|key| part(prefix, key, folder).transpose());
        let parts = parts.collect::<Result<Vec<Part>, ActionError>>()?;
        let overwrite = self.overwrite()?;
        if let Some(part) = parts.iter().find(|part| !overwrite && !part.is_folder && part.to.exists()) {
            return Err(ActionError::Exists { path: part.to.clone() });
        }
        for Part { key, to, is_folder } in parts {
            step.may_go_on()?;
            if is_folder {
                fs::create_dir_all(&to).map_err(ActionError::file("create the folder", &to))?;
                continue;
            }
            create_parents(&to)?;
            let object = Location { bucket: prefix.bucket.clone(), key };
            fetch(&session, &object, &to, step)?;
            step.voice.line(&format!("{object} is in {}", to.display()));
        }
        Ok(())
    }

    fn overwrite(&self) -> Result<bool, ActionError> {
        self.overwrite.as_ref().map_or(Ok(true), Setting::get)
    }
}

fn fetch(session: &Session, object: &Location, to: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
    let download = Download {
        url: &session.get(&object.key),
        source_name: &object.to_string(),
        headers: &session.headers(),
        checksum: None,
        attempts: ATTEMPTS,
        redirects: 0,
        verify_certificates: true,
    };
    download.to_file(to, step)
}

/// `None` for the prefix itself. Keys are anybody's text: one that would leave the folder, by its name or through a
/// link in the folder, is refused.
fn part(prefix: &Location, key: String, folder: &Path) -> Result<Option<Part>, ActionError> {
    let escapes = || S3Error::Escapes { bucket: prefix.bucket.clone(), key: key.clone() };
    let below = key.strip_prefix(&prefix.key).ok_or_else(escapes)?;
    if below.is_empty() {
        return Ok(None);
    }
    let is_folder = below.ends_with('/');
    let path = below.strip_suffix('/').unwrap_or(below);
    if path.split('/').any(|name| matches!(name, "" | "." | "..") || name.contains('\0')) {
        return Err(escapes().into());
    }
    let to = folder.join(path);
    let home = resolved(folder).map_err(ActionError::file("look at", folder))?;
    let parent = to.parent().unwrap_or(folder);
    if !resolved(parent).map_err(ActionError::file("look at", parent))?.starts_with(home) {
        return Err(escapes().into());
    }
    Ok(Some(Part { key, to, is_folder }))
}
