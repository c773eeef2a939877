//! A file system, whichever of the two it is.

use crate::AuditError;
use crate::ext4::Ext4;
use crate::report::{FileSystem, FileSystemKind};
use crate::xfs::Xfs;

pub(crate) enum Volume {
    Ext4(Ext4),
    Xfs(Xfs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    /// A device, a socket or a pipe.
    Special,
}

/// What an inode tells of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub kind: Kind,
    /// Permission bits.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub inode: u64,
}

/// A piece of a file, in the file's order.
pub(crate) enum Piece<'a> {
    Data(&'a [u8]),
    /// So many zeros that are not on the disk.
    Hole(u64),
}

/// A name in a directory.
pub(crate) type Name = (Vec<u8>, Meta);

/// Takes the pieces of a file; its error ends the reading.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Piece<'_>) -> Result<(), AuditError>;

impl Volume {
    pub(crate) fn describe(&self) -> FileSystem {
        match self {
            Self::Ext4(volume) => FileSystem { kind: FileSystemKind::Ext4, label: volume.label(), uuid: volume.uuid() },
            Self::Xfs(volume) => FileSystem { kind: FileSystemKind::Xfs, label: volume.label(), uuid: volume.uuid() },
        }
    }

    /// For errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ext4(_) => "ext4",
            Self::Xfs(_) => "XFS",
        }
    }

    /// How many bytes a file can have that is not mostly holes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Ext4(volume) => volume.length(),
            Self::Xfs(volume) => volume.length(),
        }
    }

    pub(crate) fn has_os_release(&self) -> Result<bool, AuditError> {
        let named = |names: &[Name], name: &[u8]| names.iter().find(|entry| entry.0 == name).map(|entry| entry.1);
        let root = self.list(&self.root()?)?;
        let Some(etc) = named(&root, b"etc").filter(|etc| etc.kind == Kind::Directory) else { return Ok(false) };
        Ok(named(&self.list(&etc)?, b"os-release").is_some())
    }

    pub(crate) fn root(&self) -> Result<Meta, AuditError> {
        match self {
            Self::Ext4(volume) => volume.root(),
            Self::Xfs(volume) => volume.root(),
        }
    }

    /// The names in a directory, without `.` and `..`.
    pub(crate) fn list(&self, directory: &Meta) -> Result<Vec<Name>, AuditError> {
        match self {
            Self::Ext4(volume) => volume.list(directory.inode),
            Self::Xfs(volume) => volume.list(directory.inode),
        }
    }

    /// The target of a link.
    pub(crate) fn link(&self, link: &Meta) -> Result<Vec<u8>, AuditError> {
        match self {
            Self::Ext4(volume) => volume.link(link.inode),
            Self::Xfs(volume) => volume.link(link.inode),
        }
    }

    /// All pieces of a regular file.
    pub(crate) fn read(&self, file: &Meta, sink: Sink<'_>) -> Result<(), AuditError> {
        match self {
            Self::Ext4(volume) => volume.read(file.inode, sink),
            Self::Xfs(volume) => volume.read(file.inode, sink),
        }
    }
}
