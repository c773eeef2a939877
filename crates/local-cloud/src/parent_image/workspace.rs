//! The temporary directory of a build: in a place that subordinate user ids can reach, under a name that the next build
//! or a sweep finds again.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::host::Mode;
use super::recipe::{ASSETS, Asset};
use super::{ParentError, failed};

/// Where temporary directories are made. Not `/tmp`, which is often in memory.
pub(super) fn base() -> PathBuf {
    std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}

/// A temporary directory with the recipe's files in it. Dropping it removes it.
pub(super) struct Workspace {
    pub(super) directory: PathBuf,
    mode: Mode,
}

impl Workspace {
    pub(super) fn make(target: &Path, mode: Mode) -> Result<Self, ParentError> {
        let directory = path(target);
        remove(&directory, mode).map_err(failed("remove what an earlier build of the parent image left behind"))?;
        let attempt = failed("make a temporary directory for the parent image");
        Self::fill(&directory).map_err(attempt)?;
        Ok(Self { directory, mode })
    }

    fn fill(directory: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(0o700).create(directory)?;
        for asset in ASSETS {
            write(directory, asset)?;
        }
        fs_err::create_dir(directory.join("out"))?;
        // The image's root is somebody else on the outside, who has to write here; the sticky bit guards our files.
        for shared in [directory.to_owned(), directory.join("out")] {
            fs_err::set_permissions(shared, PermissionsExt::from_mode(0o1777))?;
        }
        Ok(())
    }

    /// A command that is root in the image's user namespace.
    pub(super) fn as_root(&self, program: &str) -> Command {
        as_root(self.mode, program)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.directory, self.mode) {
            tracing::warn!(%error, directory = %self.directory.display(), "failed to remove a temporary directory");
        }
    }
}

/// Removes the workspace and the unnamed image of a build that was killed.
pub(super) fn clear(target: &Path) -> io::Result<()> {
    let mode = if rustix::process::geteuid().is_root() { Mode::Root } else { Mode::Unshare };
    remove(&path(target), mode)?;
    remove_directory(&unnamed(target))
}

/// Where a finished image waits for its name, `target`.
pub(super) fn unnamed(target: &Path) -> PathBuf {
    target.with_extension("new")
}

pub(super) fn remove_directory(path: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn path(target: &Path) -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let digest = target.file_name().unwrap_or_default().to_string_lossy();
    base().join(format!("veris-parent-{}-{user}", digest.get(..12).unwrap_or(&digest)))
}

fn write(directory: &Path, asset: &Asset) -> io::Result<()> {
    let path = directory.join(asset.path);
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    fs_err::write(&path, asset.text)?;
    fs_err::set_permissions(&path, PermissionsExt::from_mode(asset.mode))?;
    // Directories are copied with their modes, which must not depend on this user's umask.
    for directory in path.ancestors().skip(1).take_while(|ancestor| *ancestor != directory) {
        fs_err::set_permissions(directory, PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}

fn remove(directory: &Path, mode: Mode) -> io::Result<()> {
    let Ok(found) = fs_err::symlink_metadata(directory) else { return Ok(()) };
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        let message = format!("`{}` belongs to somebody else; remove it", directory.display());
        return Err(io::Error::other(message));
    }
    if mode == Mode::Unshare && directory.join("root").exists() {
        // What mmdebstrap made belongs to subordinate ids. Mounts cannot be there: they ended with their namespace.
        as_root(mode, "rm").arg("-rf").arg("--").arg(directory.join("root")).stderr(Stdio::null()).status()?;
    }
    if mode == Mode::Root && is_mounted_below(directory)? {
        let message = format!("`{}` has file systems mounted below it; unmount them", directory.display());
        return Err(io::Error::other(message));
    }
    remove_directory(directory)
}

fn is_mounted_below(directory: &Path) -> io::Result<bool> {
    let mounts = fs_err::read_to_string("/proc/self/mounts")?;
    let mut points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    Ok(points.any(|point| Path::new(point).starts_with(directory)))
}

fn as_root(mode: Mode, program: &str) -> Command {
    match mode {
        Mode::Root => Command::new(program),
        Mode::Unshare => {
            let mut command = Command::new("mmdebstrap");
            command.arg("--unshare-helper").arg(program);
            command
        }
    }
}
