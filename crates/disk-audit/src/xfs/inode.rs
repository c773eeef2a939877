//! One file: its kind, its owner, and what its inode has room for of its content.

use super::superblock::Superblock;
use super::{damaged, has_checksum};
use crate::AuditError;
use crate::disk::Window;
use crate::fields::be;
use crate::volume::{Kind, Meta};

pub(super) struct Inode {
    number: u64,
    bytes: Vec<u8>,
    has_large_counts: bool,
}

/// What the inode itself holds of the file.
pub(super) enum Fork<'a> {
    /// The content.
    Local(&'a [u8]),
    /// So many extents.
    Extents(&'a [u8], u64),
    /// The root of a tree of so many extents.
    Tree(&'a [u8], u64),
}

const MAGIC: u16 = 0x494e;
const CHECKSUM: usize = 100;
const CORE: usize = 176;
const REALTIME: u16 = 0x1;
const LARGE_COUNTS: u64 = 0x10;

impl Inode {
    pub(super) fn read(window: &Window, superblock: &Superblock, number: u64) -> Result<Self, AuditError> {
        let place = || format!("inode {number}");
        let offset = superblock.locate_inode(number).ok_or_else(|| damaged(place(), "there is no such inode"))?;
        let bytes = window.bytes(offset, superblock.inode_size)?;
        let has_large_counts = be::u64(&bytes, 120) & LARGE_COUNTS != 0;
        let inode = Self { number, bytes, has_large_counts };
        inode.examine(superblock).map_or(Ok(inode), |defect| Err(damaged(place(), defect)))
    }

    fn examine(&self, superblock: &Superblock) -> Option<&'static str> {
        let bytes = &self.bytes;
        if be::u16(bytes, 0) != MAGIC || bytes[4] != 3 {
            Some("there is no inode")
        } else if !has_checksum(bytes, CHECKSUM) {
            Some("its checksum is wrong")
        } else if be::u64(bytes, 152) != self.number || bytes[160..176] != superblock.metadata_uuid {
            Some("it belongs elsewhere")
        } else if be::u32(bytes, 16) == 0 {
            Some("a directory names it, but it is not in use")
        } else if be::u16(bytes, 90) & REALTIME != 0 || self.has_large_counts && !superblock.has_large_counts {
            Some("it uses a feature that the file system does not have")
        } else if CORE + usize::from(bytes[82]) * 8 > bytes.len() {
            Some("its parts overlap")
        } else {
            None
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match be::u16(&self.bytes, 2) & 0xf000 {
            0x8000 => Kind::File,
            0x4000 => Kind::Directory,
            0xa000 => Kind::Symlink,
            _ => Kind::Special,
        }
    }

    pub(super) fn meta(&self) -> Meta {
        Meta {
            kind: self.kind(),
            mode: be::u16(&self.bytes, 2) & 0o7777,
            uid: be::u32(&self.bytes, 8),
            gid: be::u32(&self.bytes, 12),
            size: self.size(),
            inode: self.number,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn size(&self) -> u64 {
        be::u64(&self.bytes, 56)
    }

    pub(super) fn fork(&self) -> Result<Fork<'_>, AuditError> {
        let attributes = usize::from(self.bytes[82]) * 8;
        let end = if attributes == 0 { self.bytes.len() } else { CORE + attributes };
        let fork = &self.bytes[CORE..end];
        let count = if self.has_large_counts { be::u64(&self.bytes, 24) } else { u64::from(be::u32(&self.bytes, 76)) };
        match self.bytes[5] {
            1 => {
                let content = usize::try_from(self.size()).ok().and_then(|size| fork.get(..size));
                content.map(Fork::Local).ok_or_else(|| self.damaged("its content is larger than its inode"))
            }
            2 => Ok(Fork::Extents(fork, count)),
            3 => Ok(Fork::Tree(fork, count)),
            _ => Err(self.damaged("its content is of an unknown format")),
        }
    }

    pub(super) fn damaged(&self, defect: &str) -> AuditError {
        damaged(format!("inode {}", self.number), defect)
    }
}
