//! What holds for the whole file system.

use super::{damaged, has_checksum};
use crate::AuditError;
use crate::disk::Window;
use crate::fields::{self, be};

pub(super) struct Superblock {
    pub uuid: [u8; 16],
    /// The one in blocks of metadata; it stays when the file system is given another.
    pub metadata_uuid: [u8; 16],
    pub label: Option<String>,
    /// Bytes of a block.
    pub block: u64,
    pub blocks: u64,
    pub root: u64,
    pub inode_size: usize,
    /// Bytes of a block of a directory.
    pub directory_block: u64,
    /// Block number and length in blocks.
    pub log: (u64, u64),
    pub has_large_counts: bool,
    group_blocks: u64,
    groups: u64,
    group_shift: u32,
    inode_shift: u32,
}

const PLACE: &str = "the superblock";
const SIZE: usize = 512;
const CHECKSUM: usize = 224;

// Incompatible features: who does not know one cannot read the file system.
const FILE_TYPES: u32 = 0x1;
const SPARSE_INODES: u32 = 0x2;
const METADATA_UUID: u32 = 0x4;
const BIG_TIMES: u32 = 0x8;
const NEEDS_REPAIR: u32 = 0x10;
const LARGE_COUNTS: u32 = 0x20;
const EXCHANGE_RANGES: u32 = 0x40;
const PARENT_POINTERS: u32 = 0x80;
const KNOWN: u32 = FILE_TYPES
    | SPARSE_INODES
    | METADATA_UUID
    | BIG_TIMES
    | NEEDS_REPAIR
    | LARGE_COUNTS
    | EXCHANGE_RANGES
    | PARENT_POINTERS;

impl Superblock {
    pub(super) fn read(window: &Window) -> Result<Self, AuditError> {
        let first = window.bytes(0, SIZE)?;
        if be::u16(&first, 100) & 0xf != 5 {
            return Err(unsupported("version 4, without checksums"));
        }
        let sector = usize::from(be::u16(&first, 102));
        if !sector.is_power_of_two() || !(512..=32768).contains(&sector) {
            return Err(damaged(PLACE, "its sectors have an impossible size"));
        }
        let bytes = window.bytes(0, sector)?;
        if !has_checksum(&bytes, CHECKSUM) {
            return Err(damaged(PLACE, "its checksum is wrong"));
        }
        let incompatible = be::u32(&bytes, 216);
        refuse_unknown(&bytes, incompatible)?;
        let superblock = Self::parse(&bytes, incompatible);
        superblock.examine(window, &bytes)?;
        Ok(superblock)
    }

    fn parse(bytes: &[u8], incompatible: u32) -> Self {
        let uuid = |at: usize| std::array::from_fn(|index| bytes[at + index]);
        let block = u64::from(be::u32(bytes, 4));
        Self {
            uuid: uuid(32),
            metadata_uuid: uuid(if incompatible & METADATA_UUID == 0 { 32 } else { 248 }),
            label: fields::label(&bytes[108..120]),
            block,
            blocks: be::u64(bytes, 8),
            root: be::u64(bytes, 56),
            inode_size: usize::from(be::u16(bytes, 104)),
            directory_block: block << (bytes[192] & 0xf),
            log: (be::u64(bytes, 48), u64::from(be::u32(bytes, 96))),
            has_large_counts: incompatible & LARGE_COUNTS != 0,
            group_blocks: u64::from(be::u32(bytes, 84)),
            groups: u64::from(be::u32(bytes, 88)),
            group_shift: u32::from(bytes[124]),
            inode_shift: u32::from(bytes[123]),
        }
    }

    fn examine(&self, window: &Window, bytes: &[u8]) -> Result<(), AuditError> {
        let fits = self.blocks.checked_mul(self.block).is_some_and(|length| length <= window.length());
        if !fits {
            return Err(damaged(PLACE, "the file system is larger than what it lies in"));
        }
        let good = self.block.is_power_of_two()
            && (512..=65536).contains(&self.block)
            && self.inode_size.is_power_of_two()
            && (256..=2048).contains(&self.inode_size)
            && self.block == (self.inode_size as u64) << self.inode_shift.min(16)
            && self.directory_block <= 65536
            && bytes[192] < 8
            && self.group_blocks > 0
            && self.group_blocks.next_power_of_two() == 1 << self.group_shift.min(40)
            && self.groups == self.blocks.div_ceil(self.group_blocks);
        if good { Ok(()) } else { Err(damaged(PLACE, "its sizes contradict each other")) }
    }

    /// Where an inode begins: the upper bits of its number are its group, the lower ones its place there.
    pub(super) fn locate_inode(&self, inode: u64) -> Option<u64> {
        let index = inode & ((1 << self.inode_shift) - 1);
        Some(self.locate_block(inode >> self.inode_shift)? + index * self.inode_size as u64)
    }

    /// Where a block begins.
    pub(super) fn locate_block(&self, block: u64) -> Option<u64> {
        let (group, index) = (block >> self.group_shift, block & ((1 << self.group_shift) - 1));
        if group >= self.groups || index >= self.group_blocks {
            return None;
        }
        let block = group * self.group_blocks + index;
        (block < self.blocks).then_some(block * self.block)
    }

    /// Where so many blocks begin, which lie in one group.
    pub(super) fn locate_blocks(&self, block: u64, count: u64) -> Option<u64> {
        let last = block.checked_add(count.checked_sub(1)?)?;
        self.locate_block(last).filter(|_| last >> self.group_shift == block >> self.group_shift)?;
        self.locate_block(block)
    }
}

fn refuse_unknown(bytes: &[u8], incompatible: u32) -> Result<(), AuditError> {
    let unknown = incompatible & !KNOWN;
    if unknown != 0 {
        return Err(unsupported(&format!("the features {unknown:#x}")));
    }
    if incompatible & FILE_TYPES == 0 {
        return Err(unsupported("directories without types of files"));
    }
    if incompatible & NEEDS_REPAIR != 0 || bytes[126] != 0 {
        return Err(damaged(PLACE, "it says that the file system needs repair"));
    }
    if be::u64(bytes, 16) != 0 {
        return Err(unsupported("a realtime section"));
    }
    if be::u64(bytes, 48) == 0 { Err(unsupported("a log on another disk")) } else { Ok(()) }
}

fn unsupported(feature: &str) -> AuditError {
    AuditError::Unsupported { file_system: "XFS", feature: feature.to_owned() }
}
