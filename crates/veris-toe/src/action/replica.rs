//! Faithful copies: mode, times and, for root, owner. Symbolic links are copied as links, never followed.

use std::fs::{self, DirBuilder, FileType, Metadata, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use rustix::process::geteuid;

use super::{ActionError, StepContext, tree};

/// Copies what lies in `from`, which is no link, into `to`, which exists and is empty, and gives it its attributes.
pub(super) fn copy_folder(from: &Path, to: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
    let mut folders = Vec::new();
    tree::visit(from, true, &mut |path, kind| {
        step.may_go_on()?;
        let target = path.strip_prefix(from).map_or_else(|_| to.to_owned(), |below| to.join(below));
        if !kind.is_dir() {
            return copy_entry(path, &target, kind);
        }
        if path != from {
            // Open for us until everything is in it.
            let created = DirBuilder::new().mode(0o700).create(&target);
            created.map_err(ActionError::file("create the folder", &target))?;
        }
        folders.push((path.to_owned(), target));
        Ok(())
    })?;
    // From the bottom, because what is put into a folder changes its times.
    folders.iter().rev().try_for_each(|(from, to)| carry_attributes(from, to))
}

/// Copies a file or a link, with its attributes; `to` does not exist.
pub(super) fn copy_entry(from: &Path, to: &Path, kind: FileType) -> Result<(), ActionError> {
    if kind.is_symlink() {
        let target = fs::read_link(from).map_err(ActionError::file("read the link", from))?;
        symlink(target, to).map_err(ActionError::file("create the link", to))?;
    } else if kind.is_file() {
        fs::copy(from, to).map_err(ActionError::file("copy", from))?;
    } else {
        return Err(ActionError::SpecialFile { path: from.to_owned() });
    }
    carry_attributes(from, to)
}

/// Owner, mode and times. Only root may give files away; for others the copy is theirs.
pub(super) fn carry_attributes(from: &Path, to: &Path) -> Result<(), ActionError> {
    let found = from.symlink_metadata().map_err(ActionError::file("look at", from))?;
    if geteuid().is_root() {
        lchown(to, Some(found.uid()), Some(found.gid())).map_err(ActionError::file("change the owner of", to))?;
    }
    // After the owner, whose change takes away the set-user-ID bit.
    if !found.is_symlink() {
        let mode = Permissions::from_mode(found.permissions().mode() & 0o7777);
        fs::set_permissions(to, mode).map_err(ActionError::file("change the permissions of", to))?;
    }
    let times = utimensat(CWD, to, &times(&found), AtFlags::SYMLINK_NOFOLLOW);
    times.map_err(|error| ActionError::file("change the times of", to)(error.into()))
}

fn times(found: &Metadata) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: found.atime(), tv_nsec: found.atime_nsec() },
        last_modification: Timespec { tv_sec: found.mtime(), tv_nsec: found.mtime_nsec() },
    }
}
