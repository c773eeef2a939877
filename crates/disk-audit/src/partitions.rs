//! From the whole disk to the root file system.

mod gpt;
mod mbr;

use crate::disk::Window;
use crate::report::Partition;
use crate::volume::Volume;
use crate::{AuditError, ext4, xfs};

/// The root file system, and what else is on the disk.
pub(crate) struct Found {
    pub root: Volume,
    pub partitions: Vec<Partition>,
    /// The partitions that the root file system is not in.
    pub others: Vec<(Partition, Window)>,
}

/// Where a partition lies, in bytes of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    number: u32,
    start: u64,
    length: u64,
}

const SECTOR: u64 = 512;

/// The root file system is the first one that has an `/etc/os-release`.
pub(crate) fn find_root(disk: &Window) -> Result<Found, AuditError> {
    let mut partitions = Vec::new();
    let mut others = Vec::new();
    let mut root = None;
    let places = if is_file_system(content(disk)) { Vec::new() } else { table(disk)? };
    for Place { number, start, length } in &places {
        let window = disk.part(*start, *length).ok_or(AuditError::PartitionTable("one ends behind the disk"))?;
        let partition = Partition { number: *number, start: *start, length: *length, content: content(&window) };
        let volume = if root.is_none() { open_root(&window, partition.content)? } else { None };
        match volume {
            Some(volume) => root = Some(volume),
            None => others.push((partition.clone(), window)),
        }
        partitions.push(partition);
    }
    if places.is_empty() {
        root = open_root(disk, content(disk))?;
    }
    let root = root.ok_or_else(|| AuditError::NoRoot(describe(disk, &partitions)))?;
    Ok(Found { root, partitions, others })
}

fn describe(disk: &Window, partitions: &[Partition]) -> String {
    if partitions.is_empty() {
        return format!("{} on the whole disk", content(disk));
    }
    let all = partitions.iter().map(|Partition { number, content, .. }| format!("{content} in partition {number}"));
    all.collect::<Vec<_>>().join(", ")
}

fn open_root(window: &Window, content: &str) -> Result<Option<Volume>, AuditError> {
    let volume = match content {
        EXT => Volume::Ext4(ext4::Ext4::open(window)?),
        XFS => Volume::Xfs(xfs::Xfs::open(window)?),
        _ => return Ok(None),
    };
    let is_root = volume.has_os_release()?;
    Ok(is_root.then_some(volume))
}

/// A GPT stands behind an MBR that claims the whole disk, so it is looked for first.
fn table(disk: &Window) -> Result<Vec<Place>, AuditError> {
    match gpt::read(disk)? {
        Some(places) => Ok(places),
        None => mbr::read(disk),
    }
}

const EXT: &str = "ext4";
const XFS: &str = "XFS";
const UNKNOWN: &str = "something unknown";

/// Whether Linux keeps files of its own in it, or remains of its memory.
pub(crate) fn is_file_system(content: &str) -> bool {
    SIGNATURES.iter().any(|signature| signature.content == content && signature.holds_files)
}

struct Signature {
    offset: u64,
    bytes: &'static [u8],
    content: &'static str,
    holds_files: bool,
}

const fn signature(offset: u64, bytes: &'static [u8], content: &'static str, holds_files: bool) -> Signature {
    Signature { offset, bytes, content, holds_files }
}

const SIGNATURES: &[Signature] = &[
    signature(1080, &[0x53, 0xef], EXT, true),
    signature(0, b"XFSB", XFS, true),
    signature(0x1_0040, b"_BHRfS_M", "btrfs", true),
    signature(0, b"LUKS\xba\xbe", "LUKS", true),
    signature(512, b"LABELONE", "LVM", true),
    signature(4086, b"SWAPSPACE2", "swap space", true),
    signature(0, b"hsqs", "squashfs", true),
    signature(82, b"FAT32   ", "FAT", false),
    signature(54, b"FAT16   ", "FAT", false),
    signature(54, b"FAT12   ", "FAT", false),
];

fn content(window: &Window) -> &'static str {
    let has = |signature: &&Signature| {
        window.bytes(signature.offset, signature.bytes.len()).is_ok_and(|found| found == signature.bytes)
    };
    SIGNATURES.iter().find(has).map_or(UNKNOWN, |signature| signature.content)
}
