//! The parent image: the disk below every AMI of the local cloud. It is either a small Debian that is built here, or an image
//! that the user has, such as Amazon Linux 2023 for KVM.
//!
//! Either is kept in the cache under its digest: that of the recipe of what is built, the SHA-256 of a file that was given.
//! Making one works on temporary files and ends with one rename, so that work that was killed leaves nothing that could be
//! taken for an image.

use std::io;
use std::path::{Path, PathBuf};

mod build;
mod choice;
mod given;
mod host;
mod manifest;
mod recipe;
mod table;
mod transfer;
mod workspace;

pub use choice::{Choice, ChoiceError, Given, Source};
pub(crate) use host::free_bytes;
pub use manifest::Firmware;

/// The image that every other image lies over.
#[derive(Debug, Clone)]
pub struct Parent {
    pub digest: String,
    pub directory: PathBuf,
    pub disk: PathBuf,
    pub boot: Boot,
}

/// How a machine starts what is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// QEMU loads the kernel, whatever is on the disk; the agent is in the image.
    Kernel { kernel: PathBuf, initrd: PathBuf },
    /// The firmware finds the disk's own boot loader; cloud-init starts the agent.
    Loader(Firmware),
}

impl Parent {
    /// The image of this digest in a cache, or `None` where it is not there.
    pub(crate) fn open(cache: &Path, digest: &str) -> io::Result<Option<Self>> {
        let directory = directory(cache, digest);
        // The manifest is written last, and the directory gets its name after that.
        let Some(manifest) = manifest::read(&directory)? else { return Ok(None) };
        let disk = directory.join("disk.qcow2");
        let boot = manifest.boot(&directory);
        Ok(disk.is_file().then(|| Self { digest: digest.to_owned(), directory, disk, boot }))
    }

    /// The image whose disk this is.
    pub(crate) fn of_disk(disk: &Path) -> io::Result<Self> {
        let missing = || {
            let what = format!("the parent image `{}` is not in the cache any more", disk.display());
            io::Error::new(io::ErrorKind::NotFound, what)
        };
        let directory = disk.parent().ok_or_else(missing)?;
        let digest = directory.file_name().and_then(|name| name.to_str()).ok_or_else(missing)?;
        let cache = directory.parent().and_then(Path::parent).ok_or_else(missing)?;
        Self::open(cache, digest)?.ok_or_else(missing)
    }
}

/// Where the image of a digest is kept.
fn directory(cache: &Path, digest: &str) -> PathBuf {
    cache.join("parents").join(digest)
}

/// Why there is no parent image.
#[derive(Debug, thiserror::Error)]
pub enum ParentError {
    #[error("the local cloud boots x86-64 guests only, and this machine is {architecture}")]
    Architecture { architecture: &'static str },
    #[error(
        "preparing the parent image needs {}, which this machine lacks; on Debian or Ubuntu: sudo apt-get install --yes {}",
        programs.join(", "), packages.join(" ")
    )]
    Missing { programs: Vec<&'static str>, packages: Vec<&'static str> },
    #[error(
        "building the parent image as `{user}` needs subordinate user ids, of which there are none in /etc/subuid; \
         run: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
    )]
    SubordinateIds { user: String },
    #[error(
        "preparing the parent image needs {needed_mib} MiB below `{path}`, where {free_mib} MiB are free; \
         free some space, or choose another place with {variable}"
    )]
    Space { path: PathBuf, needed_mib: u64, free_mib: u64, variable: &'static str },
    #[error("failed to build the parent image: `{program}` ended with {status}{explanation}\n{output}")]
    Program { program: &'static str, status: std::process::ExitStatus, explanation: &'static str, output: String },
    #[error("failed to read the parent image from `{origin}`: {reason}")]
    Transfer { origin: String, reason: String },
    #[error(
        "`{origin}` is not the file that was asked for, and nothing of it was kept:\n  SHA-256 asked for: {wanted}\n  \
         SHA-256 of the file: {found}\ncompare with the list of checksums beside the image, and fetch the file again"
    )]
    Mismatch { origin: String, wanted: String, found: String },
    #[error("`{origin}` cannot be a parent image: {reason}")]
    Unsuitable { origin: String, reason: String },
    #[error("failed to {attempt}")]
    Io { attempt: String, source: io::Error },
}

/// Answers the parent image, making it where the cache lacks it. `progress` gets a line for each phase.
pub fn ensure(cache: &Path, choice: &Choice, progress: &mut dyn FnMut(&str)) -> Result<Parent, ParentError> {
    // QEMU runs in other directories than we do.
    let cache = &std::path::absolute(cache).map_err(failed("find the cache of parent images"))?;
    let digest = choice.digest();
    let open = || Parent::open(cache, &digest).map_err(failed("look for the parent image in the cache"));
    if let Some(parent) = open()? {
        return Ok(parent);
    }
    let parents = cache.join("parents");
    fs_err::create_dir_all(&parents).map_err(failed("make the cache of parent images"))?;
    let lock = fs_err::File::create(parents.join(format!("{digest}.lock")))
        .map_err(failed("open the lock of the parent image"))?;
    if lock.file().try_lock().is_err() {
        progress("waiting for another process that prepares the parent image");
        lock.file().lock().map_err(failed("wait for another process that prepares the parent image"))?;
        if let Some(parent) = open()? {
            return Ok(parent);
        }
    }
    let target = directory(cache, &digest);
    match choice {
        Choice::BuiltIn => build::build(&target, progress)?,
        Choice::Given(given) => given::fetch(given, &target, progress)?,
    }
    open()?.ok_or_else(|| failed("find the parent image that was made just now")(io::ErrorKind::NotFound.into()))
}

/// Removes what work that was killed has left behind. Work that is under way is left alone.
pub(crate) fn sweep(cache: &Path) -> io::Result<()> {
    let Ok(entries) = fs_err::read_dir(cache.join("parents")) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let Some(digest) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".lock")) else { continue };
        let lock = fs_err::File::open(&path)?;
        if lock.file().try_lock().is_ok() {
            let target = directory(cache, digest);
            workspace::clear(&target)?;
            given::clear(&target)?;
        }
    }
    Ok(())
}

fn failed(attempt: &str) -> impl FnOnce(io::Error) -> ParentError {
    let attempt = attempt.to_owned();
    |source| ParentError::Io { attempt, source }
}
