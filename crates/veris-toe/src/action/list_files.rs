//! `ListFiles`.

use std::path::Path;

use serde::Deserialize;

use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, tree, wildcard};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ListFiles {
    path: String,
    file_name_pattern: Option<String>,
    recursive: Option<Setting<bool>>,
}

impl Module for ListFiles {
    /// Paths begin with the folder as the document wrote it; they are sorted and joined with commas.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let pattern = self.file_name_pattern.as_deref().unwrap_or("*");
        let recursive = self.recursive.as_ref().map_or(Ok(false), Setting::get)?;
        let mut found = Vec::new();
        let folder = Path::new(&self.path);
        tree::visit(folder, recursive, &mut |path, kind| {
            step.may_go_on()?;
            if kind.is_dir() {
                let files = tree::list(path)?.into_iter().filter(|path| !path.is_dir());
                found.extend(
                    files
                        .map(|path| path.to_string_lossy().into_owned())
                        .filter(|path| wildcard::matches(pattern, path.rsplit('/').next().unwrap_or_default())),
                );
            }
            Ok(())
        })?;
        found.sort();
        Ok(Outputs::from([("files".to_owned(), found.join(","))]))
    }
}
