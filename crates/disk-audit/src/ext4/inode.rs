//! One file: its kind, its owner, and the root of its map of blocks.

use super::damaged;
use super::superblock::Superblock;
use crate::AuditError;
use crate::disk::Window;
use crate::fields::{agree, crc32c, le};
use crate::volume::{Kind, Meta};

pub(super) struct Inode {
    number: u64,
    bytes: Vec<u8>,
    /// What the checksums of its blocks begin with.
    pub seed: Option<u32>,
}

const FLAG_INDEX: u32 = 0x1000;
const FLAG_EXTENTS: u32 = 0x8_0000;
const FLAG_ENCRYPTED: u32 = 0x800;
const MAP: std::ops::Range<usize> = 0x28..0x64;
const LONGEST_INLINE_TARGET: u64 = 59;

impl Inode {
    pub(super) fn read(window: &Window, superblock: &Superblock, number: u64) -> Result<Self, AuditError> {
        let offset = superblock.locate(window, number)?;
        let bytes = window.bytes(offset, superblock.inode_size)?;
        let own = |seed: u32| {
            let number = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
            crc32c(crc32c(seed, &number), &bytes[0x64..0x68])
        };
        let seed = superblock.seed.map(own);
        let inode = Self { number, bytes, seed };
        inode.examine()?;
        Ok(inode)
    }

    fn examine(&self) -> Result<(), AuditError> {
        if let Some(seed) = self.seed
            && !self.has_checksum(seed)
        {
            return Err(self.damaged("its checksum is wrong"));
        }
        if le::u16(&self.bytes, 0x1a) == 0 {
            return Err(self.damaged("a directory names it, but it is not in use"));
        }
        if self.flags() & FLAG_ENCRYPTED != 0 {
            return Err(AuditError::Unsupported { file_system: "ext4", feature: "encryption".to_owned() });
        }
        Ok(())
    }

    /// The lower half of the checksum is in every inode, the upper one in those that have room for it.
    fn has_checksum(&self, seed: u32) -> bool {
        let mut bytes = self.bytes.clone();
        let low = u32::from(le::u16(&bytes, 0x7c));
        bytes[0x7c..0x7e].fill(0);
        let has_high = bytes.len() > 128 && le::u16(&bytes, 0x80) >= 4;
        if !has_high {
            return agree(crc32c(seed, &bytes) & 0xffff, low);
        }
        let high = u32::from(le::u16(&bytes, 0x82));
        bytes[0x82..0x84].fill(0);
        agree(crc32c(seed, &bytes), high << 16 | low)
    }

    pub(super) fn kind(&self) -> Kind {
        match le::u16(&self.bytes, 0) & 0xf000 {
            0x8000 => Kind::File,
            0x4000 => Kind::Directory,
            0xa000 => Kind::Symlink,
            _ => Kind::Special,
        }
    }

    pub(super) fn meta(&self) -> Meta {
        let id = |low, high| u32::from(le::u16(&self.bytes, low)) | u32::from(le::u16(&self.bytes, high)) << 16;
        Meta {
            kind: self.kind(),
            mode: le::u16(&self.bytes, 0) & 0o7777,
            uid: id(2, 0x78),
            gid: id(0x18, 0x7a),
            size: self.size(),
            inode: self.number,
        }
    }

    pub(super) fn size(&self) -> u64 {
        u64::from(le::u32(&self.bytes, 4)) | u64::from(le::u32(&self.bytes, 0x6c)) << 32
    }

    pub(super) fn is_indexed(&self) -> bool {
        self.flags() & FLAG_INDEX != 0
    }

    /// The root of the tree of extents.
    pub(super) fn map(&self) -> Result<&[u8], AuditError> {
        if self.flags() & FLAG_EXTENTS == 0 {
            let feature = format!("the block map of ext3, for inode {}", self.number);
            return Err(AuditError::Unsupported { file_system: "ext4", feature });
        }
        Ok(&self.bytes[MAP])
    }

    /// Short targets stand where the map would.
    pub(super) fn inline_target(&self) -> Option<&[u8]> {
        let size = self.size();
        if size > LONGEST_INLINE_TARGET { None } else { self.bytes[MAP].get(..usize::try_from(size).ok()?) }
    }

    pub(super) fn damaged(&self, defect: &str) -> AuditError {
        damaged(format!("inode {}", self.number), defect)
    }

    fn flags(&self) -> u32 {
        le::u32(&self.bytes, 0x20)
    }
}
