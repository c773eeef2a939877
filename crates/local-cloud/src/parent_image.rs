//! The parent image: a small Debian whose kernel and disk lie below every AMI of the local cloud.
//!
//! It is built once and kept in the cache under the digest of its recipe. A build works in temporary directories and ends
//! with one rename, so that a build that was killed leaves nothing that could be taken for an image.

use std::io;
use std::path::{Path, PathBuf};

mod build;
mod host;
mod recipe;
mod workspace;

pub(crate) use host::free_bytes;

/// The image that every other image lies over.
#[derive(Debug, Clone)]
pub struct Parent {
    pub digest: String,
    pub directory: PathBuf,
    pub disk: PathBuf,
    pub kernel: PathBuf,
    pub initrd: PathBuf,
}

impl Parent {
    /// The image of this digest in a cache, whether it is there or not.
    pub(crate) fn at(cache: &Path, digest: &str) -> Self {
        let directory = cache.join("parents").join(digest);
        Self {
            digest: digest.to_owned(),
            disk: directory.join("disk.qcow2"),
            kernel: directory.join("vmlinuz"),
            initrd: directory.join("initrd"),
            directory,
        }
    }

    fn is_complete(&self) -> bool {
        // The manifest is written last, and the directory gets its name after that.
        self.directory.join("manifest.json").is_file() && self.disk.is_file()
    }
}

/// Why there is no parent image.
#[derive(Debug, thiserror::Error)]
pub enum ParentError {
    #[error("the local cloud boots x86-64 guests only, and this machine is {architecture}")]
    Architecture { architecture: &'static str },
    #[error(
        "building the parent image needs {}, which this machine lacks; on Debian or Ubuntu: sudo apt-get install --yes {}",
        programs.join(", "), packages.join(" ")
    )]
    Missing { programs: Vec<&'static str>, packages: Vec<&'static str> },
    #[error(
        "building the parent image as `{user}` needs subordinate user ids, of which there are none in /etc/subuid; \
         run: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
    )]
    SubordinateIds { user: String },
    #[error(
        "building the parent image needs {needed_mib} MiB below `{path}`, where {free_mib} MiB are free; \
         free some space, or choose another place with {variable}"
    )]
    Space { path: PathBuf, needed_mib: u64, free_mib: u64, variable: &'static str },
    #[error("failed to build the parent image: `{program}` ended with {status}{explanation}\n{output}")]
    Program { program: &'static str, status: std::process::ExitStatus, explanation: &'static str, output: String },
    #[error("failed to {attempt}")]
    Io { attempt: String, source: io::Error },
}

/// Answers the parent image, building it where the cache lacks it. `progress` gets a line for each phase.
pub fn ensure(cache: &Path, progress: &mut dyn FnMut(&str)) -> Result<Parent, ParentError> {
    // QEMU runs in other directories than we do.
    let cache = &std::path::absolute(cache).map_err(failed("find the cache of parent images"))?;
    let parent = Parent::at(cache, &recipe::digest());
    if parent.is_complete() {
        return Ok(parent);
    }
    let parents = cache.join("parents");
    fs_err::create_dir_all(&parents).map_err(failed("make the cache of parent images"))?;
    let lock = fs_err::File::create(parents.join(format!("{}.lock", parent.digest)))
        .map_err(failed("open the lock of the parent image"))?;
    if lock.file().try_lock().is_err() {
        progress("waiting for another process that builds the parent image");
        lock.file().lock().map_err(failed("wait for another process that builds the parent image"))?;
        if parent.is_complete() {
            return Ok(parent);
        }
    }
    build::build(&parent, progress)?;
    Ok(parent)
}

/// Removes what builds that were killed have left behind. A build that is under way is left alone.
pub(crate) fn sweep(cache: &Path) -> io::Result<()> {
    let Ok(entries) = fs_err::read_dir(cache.join("parents")) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let Some(digest) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".lock")) else { continue };
        let lock = fs_err::File::open(&path)?;
        if lock.file().try_lock().is_ok() {
            workspace::clear(&Parent::at(cache, digest))?;
        }
    }
    Ok(())
}

fn failed(attempt: &str) -> impl FnOnce(io::Error) -> ParentError {
    let attempt = attempt.to_owned();
    |source| ParentError::Io { attempt, source }
}
