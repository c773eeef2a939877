//! The tree of extents that says where a file's blocks lie.

use super::Ext4;
use super::inode::Inode;
use crate::AuditError;
use crate::fields::{self, agree, crc32c, le};
use crate::runs::{Run, Runs};

const HEADER: usize = 12;
const ENTRY: usize = 12;
const MAGIC: u16 = 0xf30a;
const DEEPEST: u16 = 5;
/// A longer extent is one that is reserved and not written.
const LONGEST: u16 = 32768;

pub(super) fn runs(volume: &Ext4, inode: &Inode) -> Result<Runs, AuditError> {
    let mut runs = Runs::new(volume.superblock.blocks);
    let root = inode.map()?;
    let depth = le::u16(root, 6);
    if depth > DEEPEST {
        return Err(inode.damaged("its map of blocks is too deep"));
    }
    walk(volume, inode, &Node::parse(inode, root, depth)?, &mut runs)?;
    Ok(runs)
}

struct Node<'a> {
    depth: u16,
    entries: &'a [u8],
}

impl<'a> Node<'a> {
    fn parse(inode: &Inode, bytes: &'a [u8], depth: u16) -> Result<Self, AuditError> {
        let (count, most) = (le::u16(bytes, 2), le::u16(bytes, 4));
        let entries = bytes.get(HEADER..HEADER + usize::from(count) * ENTRY);
        let good = le::u16(bytes, 0) == MAGIC && le::u16(bytes, 6) == depth && count <= most;
        match entries.filter(|_| good) {
            Some(entries) => Ok(Self { depth, entries }),
            None => Err(inode.damaged("a node of its map of blocks is no node")),
        }
    }
}

/// Runs come in the order of the file, which ends every ring in a damaged tree.
fn walk(volume: &Ext4, inode: &Inode, node: &Node<'_>, runs: &mut Runs) -> Result<(), AuditError> {
    for entry in node.entries.chunks_exact(ENTRY) {
        if node.depth == 0 {
            runs.push(run(volume, inode, entry)?).map_err(|defect| inode.damaged(defect))?;
            continue;
        }
        let block = u64::from(le::u32(entry, 4)) | u64::from(le::u16(entry, 8)) << 32;
        let bytes = read_node(volume, inode, block)?;
        let child = Node::parse(inode, &bytes, node.depth - 1)?;
        if child.entries.is_empty() {
            return Err(inode.damaged("a node of its map of blocks is empty"));
        }
        walk(volume, inode, &child, runs)?;
    }
    Ok(())
}

fn read_node(volume: &Ext4, inode: &Inode, block: u64) -> Result<Vec<u8>, AuditError> {
    let size = volume.superblock.block;
    if block >= volume.superblock.blocks {
        return Err(inode.damaged("its map of blocks points outside of the file system"));
    }
    let bytes = volume.window.bytes(block * size, fields::size(size))?;
    if let Some(seed) = inode.seed {
        let end = HEADER + usize::from(le::u16(&bytes, 4)) * ENTRY;
        let (covered, stored) = (bytes.get(..end), bytes.get(end..end + 4));
        let good =
            covered.zip(stored).is_some_and(|(covered, stored)| agree(crc32c(seed, covered), le::u32(stored, 0)));
        if !good {
            return Err(inode.damaged("the checksum of its map of blocks is wrong"));
        }
    }
    Ok(bytes)
}

fn run(volume: &Ext4, inode: &Inode, entry: &[u8]) -> Result<Run, AuditError> {
    let size = volume.superblock.block;
    let length = le::u16(entry, 4);
    let (length, is_written) = if length > LONGEST { (length - LONGEST, false) } else { (length, true) };
    let (first, length) = (u64::from(le::u16(entry, 6)) << 32 | u64::from(le::u32(entry, 8)), u64::from(length));
    if first == 0 || first + length > volume.superblock.blocks {
        return Err(inode.damaged("its blocks lie outside of the file system"));
    }
    let file_offset = u64::from(le::u32(entry, 0)) * size;
    Ok(Run { file_offset, offset: first * size, length: length * size, is_written })
}
