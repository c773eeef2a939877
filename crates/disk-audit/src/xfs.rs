//! Reads XFS of version 5, the one whose metadata has checksums.
//!
//! The format is described in “XFS Algorithms & Data Structures” and in the kernel's `fs/xfs/libxfs/xfs_format.h` and `xfs_da_format.h`. The log is
//! not replayed, so the file system must have been unmounted; `log` proves that it was.

mod directory;
mod extents;
mod inode;
mod log;
mod superblock;
mod symlink;

use crate::AuditError;
use crate::disk::Window;
use crate::fields::{agree, be, crc32c, le, size};
use crate::volume::{Kind, Meta, Name, Sink};
use inode::Inode;
use superblock::Superblock;

pub(crate) struct Xfs {
    window: Window,
    superblock: Superblock,
}

impl Xfs {
    pub(crate) fn open(window: &Window) -> Result<Self, AuditError> {
        let superblock = Superblock::read(window)?;
        log::examine(window, &superblock)?;
        Ok(Self { window: window.clone(), superblock })
    }

    pub(crate) fn label(&self) -> Option<String> {
        self.superblock.label.clone()
    }

    pub(crate) fn uuid(&self) -> String {
        crate::fields::uuid(&self.superblock.uuid)
    }

    pub(crate) fn length(&self) -> u64 {
        self.superblock.blocks * self.superblock.block
    }

    pub(crate) fn root(&self) -> Result<Meta, AuditError> {
        Ok(self.inode(self.superblock.root)?.meta())
    }

    pub(crate) fn list(&self, directory: u64) -> Result<Vec<Name>, AuditError> {
        let inode = self.inode(directory)?;
        if inode.kind() != Kind::Directory {
            return Err(inode.damaged("it is no directory"));
        }
        let names = directory::read(self, &inode)?;
        names.into_iter().map(|(name, number)| Ok((name, self.inode(number)?.meta()))).collect()
    }

    pub(crate) fn link(&self, link: u64) -> Result<Vec<u8>, AuditError> {
        symlink::read(self, &self.inode(link)?)
    }

    pub(crate) fn read(&self, file: u64, sink: Sink<'_>) -> Result<(), AuditError> {
        let inode = self.inode(file)?;
        extents::runs(self, &inode)?.read(&self.window, inode.size(), sink)
    }

    fn inode(&self, number: u64) -> Result<Inode, AuditError> {
        Inode::read(&self.window, &self.superblock, number)
    }

    /// A block of metadata, which says itself what it is, where it lies and whose it is. Its parts, each of `length` bytes, may lie scattered.
    fn metadata(&self, inode: &Inode, parts: &[u64], length: u64, kind: &Metadata) -> Result<Vec<u8>, AuditError> {
        let length = size(length);
        let mut bytes = Vec::with_capacity(parts.len() * length);
        for part in parts {
            bytes.extend(self.window.bytes(*part, length)?);
        }
        let defect = if !kind.magics.contains(&be::u32(&bytes, 0)) {
            "is of another kind"
        } else if !has_checksum(&bytes, kind.checksum) {
            "has a wrong checksum"
        } else if Some(be::u64(&bytes, kind.position)) != parts.first().map(|first| first / 512)
            || be::u64(&bytes, kind.owner) != inode.number()
        {
            "belongs elsewhere"
        } else if bytes[kind.uuid..kind.uuid + 16] != self.superblock.metadata_uuid {
            "is of another file system"
        } else {
            return Ok(bytes);
        };
        Err(inode.damaged(&format!("a block of its {} {defect}", kind.name)))
    }
}

/// Where a block of metadata has what.
struct Metadata {
    name: &'static str,
    magics: &'static [u32],
    checksum: usize,
    position: usize,
    uuid: usize,
    owner: usize,
}

/// The checksum of a block in which it is taken to be zero itself.
fn has_checksum(bytes: &[u8], at: usize) -> bool {
    let begun = crc32c(crc32c(!0, &bytes[..at]), &[0; 4]);
    agree(!crc32c(begun, &bytes[at + 4..]), le::u32(bytes, at))
}

fn damaged(place: impl Into<String>, defect: &str) -> AuditError {
    AuditError::Damaged { file_system: "XFS", place: place.into(), defect: defect.to_owned() }
}
