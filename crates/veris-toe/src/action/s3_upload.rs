//! `S3Upload`: a file, the files that fit a pattern, or a folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, tree, wildcard};
use crate::s3::upload::Upload;
use crate::s3::{Location, Session};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct S3Upload {
    source: String,
    destination: Setting<Location>,
    recurse: Option<Setting<bool>>,
    expected_bucket_owner: Option<Setting<String>>,
}

/// A file and the key it gets.
struct Part {
    file: PathBuf,
    key: String,
}

impl Module for S3Upload {
    /// What was uploaded before a failure stays; the log names every object that is complete.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let destination = self.destination.get()?;
        let owner = self.expected_bucket_owner.as_ref().map(Setting::get).transpose()?;
        let parts = self.parts(&destination, step)?;
        let session = Session::open(step.aws, &destination.bucket, owner)?;
        for (done, Part { file, key }) in parts.iter().enumerate() {
            step.may_go_on()?;
            let name = format!("s3://{}/{key}", destination.bucket);
            let upload = Upload { session: &session, file, key, name: &name };
            upload.run(step).inspect_err(|_| {
                if parts.len() > 1 {
                    step.voice.line(&format!("{done} of {} files were uploaded and stay", parts.len()));
                }
            })?;
            step.voice.line(&format!("{} is in {name}", file.display()));
        }
        Ok(Outputs::new())
    }
}

impl S3Upload {
    fn parts(&self, destination: &Location, step: &StepContext<'_>) -> Result<Vec<Part>, ActionError> {
        let recurse = self.recurse.as_ref().map_or(Ok(false), Setting::get)?;
        let source = Path::new(&self.source);
        let (home, found) = if wildcard::has_wildcard(&self.source) {
            let wanted = |entry: &Path| recurse || !entry.is_dir();
            (source.parent().unwrap_or(Path::new("")), wildcard::entries(&self.source, wanted)?)
        } else if source.is_dir() {
            if !recurse {
                return Err(ActionError::NotRecursive { path: source.to_owned() });
            }
            (source, vec![source.to_owned()])
        } else {
            let key = &destination.key;
            let name = source.file_name().map_or(source, Path::new);
            let whole = key.is_empty() || key.ends_with('/');
            let key = if whole { format!("{key}{}", text(name)?) } else { key.clone() };
            return Ok(vec![Part { file: regular(source.to_owned())?, key }]);
        };
        let mut files = Vec::new();
        for path in found {
            files_below(&path, step, &mut files)?;
        }
        if files.is_empty() {
            return Err(ActionError::NoMatch { kind: "file", pattern: self.source.clone() });
        }
        let prefix = &destination.key;
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        let part = |file: PathBuf| {
            let key = format!("{prefix}{slash}{}", text(file.strip_prefix(home).unwrap_or(&file))?);
            Ok(Part { file: regular(file)?, key })
        };
        files.into_iter().map(part).collect()
    }
}

/// Links to files count as files; links to folders are not entered.
fn files_below(path: &Path, step: &StepContext<'_>, files: &mut Vec<PathBuf>) -> Result<(), ActionError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut found = Vec::new();
    tree::visit(path, true, &mut |path, _| {
        step.may_go_on()?;
        if !path.is_dir() {
            found.push(path.to_owned());
        }
        Ok(())
    })?;
    found.sort();
    files.append(&mut found);
    Ok(())
}

fn regular(file: PathBuf) -> Result<PathBuf, ActionError> {
    let found = file.metadata().map_err(ActionError::file("look at", &file))?;
    if found.is_file() { Ok(file) } else { Err(ActionError::SpecialFile { path: file }) }
}

fn text(path: &Path) -> Result<&str, ActionError> {
    path.to_str().ok_or_else(|| ActionError::NoKey { path: path.to_owned() })
}
