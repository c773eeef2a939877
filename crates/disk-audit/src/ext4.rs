//! Reads ext4: the parts of its format that `mkfs.ext4` makes by default.
//!
//! The format is described in the kernel's Documentation/filesystems/ext4. Journals are not read, so the file system must have been unmounted.

mod directory;
mod extents;
mod inode;
mod superblock;

use crate::AuditError;
use crate::disk::Window;
use crate::runs::Runs;
use crate::volume::{Kind, Meta, Name, Piece, Sink};
use inode::Inode;
use superblock::Superblock;

pub(crate) struct Ext4 {
    window: Window,
    superblock: Superblock,
}

const ROOT: u64 = 2;

impl Ext4 {
    pub(crate) fn open(window: &Window) -> Result<Self, AuditError> {
        Ok(Self { window: window.clone(), superblock: Superblock::read(window)? })
    }

    pub(crate) fn label(&self) -> Option<String> {
        self.superblock.label.clone()
    }

    pub(crate) fn uuid(&self) -> String {
        self.superblock.uuid.clone()
    }

    pub(crate) fn length(&self) -> u64 {
        self.superblock.length()
    }

    pub(crate) fn root(&self) -> Result<Meta, AuditError> {
        Ok(self.inode(ROOT)?.meta())
    }

    pub(crate) fn list(&self, directory: u64) -> Result<Vec<Name>, AuditError> {
        let inode = self.inode(directory)?;
        if inode.kind() != Kind::Directory {
            return Err(inode.damaged("it is no directory"));
        }
        let names = directory::read(self, &inode, &extents::runs(self, &inode)?)?;
        names.into_iter().map(|(name, number)| Ok((name, self.inode(number)?.meta()))).collect()
    }

    pub(crate) fn link(&self, link: u64) -> Result<Vec<u8>, AuditError> {
        let inode = self.inode(link)?;
        if let Some(target) = inode.inline_target() {
            return Ok(target.to_vec());
        }
        let mut target = Vec::new();
        if inode.size() > self.superblock.block {
            return Err(inode.damaged("its target is longer than a block"));
        }
        extents::runs(self, &inode)?.read(&self.window, inode.size(), &mut |piece| {
            match piece {
                Piece::Data(bytes) => target.extend_from_slice(bytes),
                Piece::Hole(_) => return Err(inode.damaged("its target has a hole")),
            }
            Ok(())
        })?;
        Ok(target)
    }

    pub(crate) fn read(&self, file: u64, sink: Sink<'_>) -> Result<(), AuditError> {
        let inode = self.inode(file)?;
        let runs = if inode.size() == 0 { Runs::new(0) } else { extents::runs(self, &inode)? };
        runs.read(&self.window, inode.size(), sink)
    }

    fn inode(&self, number: u64) -> Result<Inode, AuditError> {
        Inode::read(&self.window, &self.superblock, number)
    }
}

fn damaged(place: impl Into<String>, defect: &str) -> AuditError {
    AuditError::Damaged { file_system: "ext4", place: place.into(), defect: defect.to_owned() }
}
