//! Puts a folder that is complete where another may be, so that a failure leaves the one or the other, never a half.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ActionError;

/// A new folder beside `destination`, on the same file system; it disappears unless it is put into place.
pub(super) fn room_beside(destination: &Path) -> Result<TempDir, ActionError> {
    let parent = destination.parent().unwrap_or(Path::new("/"));
    let room = tempfile::Builder::new().prefix(".veris-toe-").tempdir_in(parent);
    room.map_err(ActionError::file("create a folder in", parent))
}

/// Renames `prepared` to `destination`. A folder that is there moves aside first, comes back if the rename fails, and
/// is deleted when it does not.
pub(super) fn put_into_place(prepared: &Path, destination: &Path) -> Result<(), ActionError> {
    if destination.symlink_metadata().is_err() {
        return fs::rename(prepared, destination).map_err(ActionError::rename(prepared, destination));
    }
    let aside = room_beside(destination)?;
    let former = aside.path().join("former");
    fs::rename(destination, &former).map_err(ActionError::file("move aside", destination))?;
    if let Err(error) = fs::rename(prepared, destination) {
        return match fs::rename(&former, destination) {
            Ok(()) => Err(ActionError::rename(prepared, destination)(error)),
            Err(error) => Err(stranded(aside, destination, error)),
        };
    }
    aside.close().map_err(ActionError::file("delete what was replaced of", destination))
}

/// Nothing is deleted when a folder cannot go back to where it was.
fn stranded(aside: TempDir, destination: &Path, source: std::io::Error) -> ActionError {
    let kept: PathBuf = aside.keep().join("former");
    ActionError::Stranded { path: destination.to_owned(), kept, source }
}
