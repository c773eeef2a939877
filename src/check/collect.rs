//! Which files are checked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::Scope;
use super::kind::is_candidate;
use super::project::Projects;
use crate::error::{Failure, user};

/// The files of a scope, each once and in order.
pub(super) struct Files {
    pub(super) found: BTreeSet<PathBuf>,
    /// How many were left out because of their names.
    pub(super) skipped: usize,
    pub(super) notes: Vec<String>,
}

pub(super) fn files(scope: &Scope, projects: &mut Projects) -> Result<Files, Failure> {
    let mut files = Files { found: BTreeSet::new(), skipped: 0, notes: Vec::new() };
    match scope {
        Scope::Project { project, recipe } => {
            files.found.extend(projects.around(project).baked());
            if recipe.is_none() {
                for folder in ["recipes", "components", "units"] {
                    files.walk(&project.join(folder))?;
                }
                files.found.extend([project.join(".env")].into_iter().filter(|file| file.is_file()));
            }
        }
        Scope::Paths { paths, .. } => paths.iter().try_for_each(|path| files.named(path))?,
    }
    Ok(files)
}

/// Whether the user asked for this very file.
pub(super) fn is_named(scope: &Scope, path: &Path) -> bool {
    matches!(scope, Scope::Paths { paths, .. } if paths.iter().any(|named| named == path))
}

impl Files {
    fn named(&mut self, path: &Path) -> Result<(), Failure> {
        if path.is_dir() {
            return self.walk(path);
        }
        match path.try_exists() {
            Ok(true) => drop(self.found.insert(path.to_owned())),
            Ok(false) => {
                let hint = "name a file or a folder, or nothing for the whole project";
                return Err(user(format!("there is no `{}` to check", path.display())).hint(hint));
            }
            Err(error) => return Err(user(format!("failed to look at `{}`", path.display())).source(error)),
        }
        Ok(())
    }

    /// Everything below a folder that git would not ignore, hidden files such as `.env` included.
    fn walk(&mut self, folder: &Path) -> Result<(), Failure> {
        if !folder.is_dir() {
            return Ok(());
        }
        let mut walk = WalkBuilder::new(folder);
        walk.hidden(false).require_git(false).filter_entry(|entry| entry.file_name() != ".git");
        for entry in walk.build() {
            let entry = entry.map_err(|error| user("failed to look through the folder").source(error))?;
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            if is_candidate(entry.path()) {
                self.found.insert(entry.into_path());
            } else {
                self.skipped += 1;
            }
        }
        Ok(())
    }
}
