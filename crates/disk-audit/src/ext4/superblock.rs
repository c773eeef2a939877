//! What holds for the whole file system, and where its inodes lie.

use super::damaged;
use crate::AuditError;
use crate::disk::Window;
use crate::fields::{self, agree, crc32c, le};

pub(super) struct Superblock {
    pub uuid: String,
    pub label: Option<String>,
    /// Bytes of a block.
    pub block: u64,
    pub blocks: u64,
    pub inodes: u64,
    pub inode_size: usize,
    /// What the checksums of metadata begin with; absent where it has none.
    pub seed: Option<u32>,
    inodes_per_group: u64,
    /// Where the descriptors of groups begin.
    descriptors: u64,
    descriptor_size: usize,
}

const POSITION: u64 = 1024;
const SIZE: usize = 1024;
const CHECKSUM: usize = 0x3fc;

// Incompatible features: who does not know one cannot read the file system.
const FILE_TYPES: u32 = 0x2;
const NEEDS_RECOVERY: u32 = 0x4;
const EXTENTS: u32 = 0x40;
const HAS_64_BITS: u32 = 0x80;
const FLEXIBLE_GROUPS: u32 = 0x200;
const SEED: u32 = 0x2000;
const LARGE_DIRECTORIES: u32 = 0x4000;
const KNOWN: u32 = FILE_TYPES | NEEDS_RECOVERY | EXTENTS | HAS_64_BITS | FLEXIBLE_GROUPS | SEED | LARGE_DIRECTORIES;
const NEEDED: u32 = FILE_TYPES | EXTENTS;
/// A feature that only writers have to know.
const CHECKSUMS: u32 = 0x400;

impl Superblock {
    pub(super) fn read(window: &Window) -> Result<Self, AuditError> {
        let bytes = window.bytes(POSITION, SIZE)?;
        let (incompatible, read_only) = (le::u32(&bytes, 0x60), le::u32(&bytes, 0x64));
        let has_checksums = read_only & CHECKSUMS != 0;
        if has_checksums && !agree(crc32c(!0, &bytes[..CHECKSUM]), le::u32(&bytes, CHECKSUM)) {
            return Err(damaged(PLACE, "its checksum is wrong"));
        }
        refuse_unknown(incompatible)?;
        let superblock = Self::parse(&bytes, incompatible, has_checksums)?;
        superblock.examine(window)?;
        Ok(superblock)
    }

    fn parse(bytes: &[u8], incompatible: u32, has_checksums: bool) -> Result<Self, AuditError> {
        let has_64_bits = incompatible & HAS_64_BITS != 0;
        let shift = le::u32(bytes, 0x18);
        if shift > 5 {
            return Err(damaged(PLACE, "its blocks are larger than 32 KiB"));
        }
        let block = 1024_u64 << shift;
        let high = if has_64_bits { u64::from(le::u32(bytes, 0x150)) << 32 } else { 0 };
        let uuid = &bytes[0x68..0x78];
        let seed = if incompatible & SEED != 0 { le::u32(bytes, 0x270) } else { crc32c(!0, uuid) };
        Ok(Self {
            uuid: fields::uuid(uuid),
            label: fields::label(&bytes[0x78..0x88]),
            block,
            blocks: high | u64::from(le::u32(bytes, 4)),
            inodes: u64::from(le::u32(bytes, 0)),
            inode_size: usize::from(le::u16(bytes, 0x58)),
            seed: has_checksums.then_some(seed),
            inodes_per_group: u64::from(le::u32(bytes, 0x28)),
            descriptors: (u64::from(le::u32(bytes, 0x14)) + 1) * block,
            descriptor_size: if has_64_bits { usize::from(le::u16(bytes, 0xfe)) } else { 32 },
        })
    }

    fn examine(&self, window: &Window) -> Result<(), AuditError> {
        let fits = self.blocks.checked_mul(self.block).is_some_and(|length| length <= window.length());
        if !fits {
            return Err(damaged(PLACE, "the file system is larger than what it lies in"));
        }
        let inode_size = self.inode_size as u64;
        let good = inode_size.is_power_of_two()
            && (128..=self.block).contains(&inode_size)
            && self.inodes_per_group > 0
            && self.descriptor_size.is_power_of_two()
            && (32..=1024).contains(&self.descriptor_size);
        if good { Ok(()) } else { Err(damaged(PLACE, "its sizes contradict each other")) }
    }

    pub(super) fn length(&self) -> u64 {
        self.blocks * self.block
    }

    /// Where an inode begins.
    pub(super) fn locate(&self, window: &Window, inode: u64) -> Result<u64, AuditError> {
        if inode == 0 || inode > self.inodes {
            return Err(damaged(format!("inode {inode}"), "there is no such inode"));
        }
        let (group, index) = ((inode - 1) / self.inodes_per_group, (inode - 1) % self.inodes_per_group);
        let table = self.inode_table(window, group)?;
        let offset = table.checked_mul(self.block).and_then(|table| table.checked_add(index * self.inode_size as u64));
        offset
            .filter(|offset| *offset < self.length())
            .ok_or_else(|| damaged(format!("group {group}"), "its inodes lie outside of the file system"))
    }

    fn inode_table(&self, window: &Window, group: u64) -> Result<u64, AuditError> {
        let mut bytes = window.bytes(self.descriptors + group * self.descriptor_size as u64, self.descriptor_size)?;
        if let Some(seed) = self.seed {
            let stored = le::u16(&bytes, 0x1e);
            bytes[0x1e..0x20].fill(0);
            let number = u32::try_from(group).unwrap_or(u32::MAX).to_le_bytes();
            if !agree(crc32c(crc32c(seed, &number), &bytes) & 0xffff, u32::from(stored)) {
                return Err(damaged(format!("group {group}"), "the checksum of its descriptor is wrong"));
            }
        }
        let high = if bytes.len() >= 64 { u64::from(le::u32(&bytes, 0x28)) << 32 } else { 0 };
        Ok(high | u64::from(le::u32(&bytes, 8)))
    }
}

const PLACE: &str = "the superblock";

fn refuse_unknown(incompatible: u32) -> Result<(), AuditError> {
    let unsupported = |feature: String| AuditError::Unsupported { file_system: "ext4", feature };
    let unknown = incompatible & !KNOWN;
    if unknown != 0 {
        return Err(unsupported(format!("the features {unknown:#x}")));
    }
    if incompatible & NEEDED != NEEDED {
        return Err(unsupported("the layout of ext2 or ext3".to_owned()));
    }
    if incompatible & NEEDS_RECOVERY != 0 { Err(AuditError::NotUnmounted { file_system: "ext4" }) } else { Ok(()) }
}
