//! Visits a folder and, when asked, everything below it. Symbolic links are visited, never followed.

use std::fs::FileType;
use std::path::{Path, PathBuf};

use super::ActionError;

pub(super) fn visit(
    root: &Path,
    recursive: bool,
    visitor: &mut impl FnMut(&Path, FileType) -> Result<(), ActionError>,
) -> Result<(), ActionError> {
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        // The root itself may be a link to a folder; what lies below it may not.
        let is_root = path == root;
        let metadata = if is_root { path.metadata() } else { path.symlink_metadata() };
        let kind = metadata.map_err(ActionError::file("look at", &path))?.file_type();
        // Listed before it is visited: a root that is no folder fails here, untouched.
        let entries = if kind.is_dir() || is_root { list(&path)? } else { Vec::new() };
        visitor(&path, kind)?;
        if recursive {
            waiting.extend(entries);
        }
    }
    Ok(())
}

/// What lies in a folder, sorted.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, ActionError> {
    let entries = folder.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut entries: Vec<PathBuf> = entries.map_err(ActionError::file("list", folder))?;
    entries.sort();
    Ok(entries)
}
