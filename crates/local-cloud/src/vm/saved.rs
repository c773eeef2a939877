//! Guests that were saved when they had booted: memory and disk, below the parent image that they booted from. A machine that goes on from
//! there spares an emulated processor the boot.
//!
//! What QEMU has saved fits a machine of the same devices, of the same QEMU, and nothing else, so the name holds all of that.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt;

use super::machine::{Beginning, Machine, ORDERS, PROGRAM, memory_mib};
use crate::parent_image::Parent;

const MEMORY: &str = "memory";
const DISK: &str = "disk.qcow2";

/// A machine that was saved, or its place.
#[derive(Debug)]
pub(crate) struct Saved {
    /// Holds what was saved; absent before that.
    directory: PathBuf,
    /// What the names of those begin with that this one takes the place of.
    kind: String,
}

impl Saved {
    /// The place for a machine of this parent image with a volume of so many GiB. `None` where it cannot be told what the machine is.
    pub(crate) fn of(parent: &Parent, machine: &Machine<'_>, volume_gib: u32) -> Option<Self> {
        let seed = machine.directory.join("seed.tar").metadata().ok()?.len();
        let mut hash = Sha256::new_with_prefix(program()?.as_encoded_bytes());
        hash.update(seed.to_le_bytes());
        for word in anybody(machine).arguments() {
            hash.update(word.as_encoded_bytes());
            hash.update([0]);
        }
        let kind = format!("{}-{volume_gib}-", memory_mib(machine.instance_type));
        let name = format!("{kind}{}", hex::encode(hash.finalize()));
        Some(Self { directory: parent.directory.join("booted").join(name), kind })
    }

    pub(crate) fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    pub(crate) fn memory(&self) -> PathBuf {
        self.directory.join(MEMORY)
    }

    /// Makes a machine's disk.
    pub(crate) fn copy_disk(&self, disk: &Path) -> io::Result<()> {
        fs_err::copy(self.directory.join(DISK), disk).map(|_| ())
    }

    /// Keeps a memory, whose file is taken, and a disk, which is copied. What was saved by an earlier QEMU is of no use any more.
    pub(crate) fn keep(&self, memory: &Path, disk: &Path) -> io::Result<()> {
        let parent = self.directory.parent().unwrap_or(&self.directory);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let unnamed = tempfile::Builder::new().prefix(".").tempdir_in(parent)?;
        fs_err::copy(disk, unnamed.path().join(DISK))?;
        let kept = unnamed.path().join(MEMORY);
        if fs_err::rename(memory, &kept).is_err() {
            // They are on two file systems.
            fs_err::copy(memory, &kept)?;
        }
        fs_err::set_permissions(&kept, std::fs::Permissions::from_mode(0o600))?;
        for entry in fs_err::read_dir(parent)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&self.kind) {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        fs_err::rename(unnamed.path(), &self.directory)
    }

    /// Removes what turned out to be of no use.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs_err::remove_dir_all(&self.directory)
    }
}

/// The same machine without what is one instance's own.
fn anybody<'a>(machine: &Machine<'a>) -> Machine<'a> {
    Machine {
        instance_id: "",
        instance_type: machine.instance_type,
        directory: Path::new(""),
        boot: machine.boot,
        accelerator: machine.accelerator,
        address: Ipv4Addr::UNSPECIFIED,
        agent: machine.agent,
        beginning: Beginning::BootToBeSaved,
        cidata: machine.cidata,
        pipe: &[],
    }
}

/// Tells one QEMU from another: where it is, how large, and since when.
fn program() -> Option<OsString> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|directory| directory.join(PROGRAM));
    let (found, metadata) = found.find_map(|path| Some((path.clone(), path.metadata().ok()?)))?;
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut facts = found.into_os_string();
    facts.push(format!(" {} {}", metadata.len(), since.as_nanos()));
    Some(facts)
}

/// Makes the pipes for the orders of a guest, which QEMU opens.
pub(crate) fn make_pipes(instance: &Path) -> io::Result<()> {
    for end in ["in", "out"] {
        let path = instance.join(format!("{ORDERS}.{end}"));
        match rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until a guest asks for its orders; answers `false` when its machine has ended before.
pub(crate) async fn waits_for_orders(instance: &Path) -> io::Result<bool> {
    let pipe = instance.join(format!("{ORDERS}.out"));
    let mut pipe = tokio::net::unix::pipe::OpenOptions::new().open_receiver(pipe)?;
    Ok(pipe.read(&mut [0; 16]).await? > 0)
}

/// Tells a guest what is its own: the time, and random bytes. It is waiting for that.
pub(crate) fn give_orders(instance: &Path) -> io::Result<()> {
    let now = jiff::Timestamp::now();
    let random = hex::encode(rand::random::<[u8; 32]>());
    // It does not wait for a QEMU that has ended.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let pipe = instance.join(format!("{ORDERS}.in"));
    let mut pipe = std::fs::File::options().write(true).custom_flags(nonblocking).open(pipe)?;
    pipe.write_all(format!("{}.{:09} {random}\n", now.as_second(), now.subsec_nanosecond()).as_bytes())
}
