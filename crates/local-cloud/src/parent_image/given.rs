//! From a file that the user named to a parent image in the cache.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::choice::Given;
use super::manifest::{Firmware, Manifest, Origin};
use super::{ParentError, failed, host, table, transfer, workspace};
use crate::vm::disk;
use crate::vm::firmware;

/// Keeps the file under `target`, provided that it is the one that was asked for and that it can be booted.
pub(super) fn fetch(given: &Given, target: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), ParentError> {
    host::check_given()?;
    let part = part(target);
    let found = transfer::receive(given, &part, progress)?;
    progress("looking at the parent image");
    let firmware = if found == given.sha256 {
        examine(given, &part, target)
    } else {
        let origin = given.source.to_string();
        Err(ParentError::Mismatch { origin, wanted: given.sha256.clone(), found })
    };
    let firmware = firmware.inspect_err(|_| {
        // What cannot be removed now is removed by the next attempt.
        let _ = clear(target);
    })?;
    if firmware == Firmware::Uefi && firmware::find().is_none() {
        return Err(ParentError::Missing { programs: vec!["UEFI firmware for QEMU"], packages: vec!["ovmf"] });
    }
    let origin = Origin::Given { source: given.source.to_string(), firmware };
    let manifest = Manifest { digest: given.sha256.clone(), origin };
    keep(&manifest, &part, target).map_err(failed("put the parent image into the cache"))
}

/// Removes what an attempt has left behind.
pub(super) fn clear(target: &Path) -> io::Result<()> {
    for file in [part(target), head(target)] {
        match fs_err::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What has arrived so far.
fn part(target: &Path) -> PathBuf {
    target.with_extension("part")
}

/// The beginning of the disk, as the guest sees it.
fn head(target: &Path) -> PathBuf {
    target.with_extension("head")
}

/// Which firmware boots the disk.
fn examine(given: &Given, part: &Path, target: &Path) -> Result<Firmware, ParentError> {
    let unsuitable = |reason: String| ParentError::Unsuitable { origin: given.source.to_string(), reason };
    let header = disk::Header::read(part).map_err(|_| {
        let cure = "it is no qcow2 disk; `qemu-img convert -O qcow2 OLD NEW` makes one of other formats";
        unsuitable(cure.to_owned())
    })?;
    if let Some(flaw) = header.flaw() {
        return Err(unsuitable(flaw.to_owned()));
    }
    let head = head(target);
    let mut command = Command::new("qemu-img");
    command.args(["dd", "-f", "qcow2", "-O", "raw", "count=1"]).arg(format!("bs={}", table::HEAD));
    command.arg(option("if=", part)).arg(option("of=", &head)).stdin(Stdio::null());
    let output = command.output().map_err(failed("run `qemu-img`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(unsuitable(format!("`qemu-img` cannot read it: {said}")));
    }
    let bytes = fs_err::read(&head).map_err(failed("read the beginning of the parent image"))?;
    table::firmware(&bytes).ok_or_else(|| unsuitable("there is no boot loader on it".to_owned()))
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(path);
    option
}

fn keep(manifest: &Manifest, part: &Path, target: &Path) -> io::Result<()> {
    let unnamed = workspace::unnamed(target);
    workspace::remove_directory(&unnamed)?;
    fs_err::create_dir(&unnamed)?;
    fs_err::rename(part, unnamed.join("disk.qcow2"))?;
    manifest.keep(&unnamed, target)?;
    clear(target)
}
