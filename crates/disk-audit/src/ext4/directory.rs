//! Names and the inodes that they name.

use super::Ext4;
use super::inode::Inode;
use crate::AuditError;
use crate::fields::{self, agree, crc32c, le};
use crate::runs::Runs;

/// The length of the entry at the end of a block that holds its checksum.
const TAIL: usize = 12;
const TAIL_TYPE: u8 = 0xde;

/// All names but `.` and `..`, in the order of the blocks. The index of a large directory looks like free space and is passed over.
pub(super) fn read(volume: &Ext4, inode: &Inode, runs: &Runs) -> Result<Vec<(Vec<u8>, u64)>, AuditError> {
    let size = volume.superblock.block;
    let mut names = Vec::new();
    let mut end = 0;
    for run in runs.iter().take_while(|run| run.file_offset < inode.size()) {
        if run.file_offset != end || !run.is_written {
            return Err(inode.damaged("its directory has a hole"));
        }
        end = run.file_offset + run.length;
        for at in (0..run.length.min(inode.size() - run.file_offset)).step_by(fields::size(size)) {
            let bytes = volume.window.bytes(run.offset + at, fields::size(size))?;
            let is_first = run.file_offset + at == 0;
            examine(inode, &bytes, is_first)?;
            parse(inode, &bytes, &mut names)?;
        }
    }
    if end < inode.size() { Err(inode.damaged("its directory ends early")) } else { Ok(names) }
}

/// Blocks of the index have their checksum elsewhere; they name nothing, so a mistake in them hides nothing.
fn examine(inode: &Inode, block: &[u8], is_first: bool) -> Result<(), AuditError> {
    let Some(seed) = inode.seed else { return Ok(()) };
    if inode.is_indexed() && is_index(block, is_first) {
        return Ok(());
    }
    let (covered, tail) = block.split_at(block.len() - TAIL);
    let is_tail = le::u32(tail, 0) == 0 && usize::from(le::u16(tail, 4)) == TAIL && tail[7] == TAIL_TYPE;
    let good = is_tail && agree(crc32c(seed, covered), le::u32(tail, 8));
    if good { Ok(()) } else { Err(inode.damaged("the checksum of its directory is wrong")) }
}

/// The root of an index stands behind `.` and `..`, other nodes behind an unused entry of a whole block.
fn is_index(block: &[u8], is_first: bool) -> bool {
    let entry = if is_first { 12 } else { 0 };
    usize::from(le::u16(block, entry + 4)) == block.len() - entry && (is_first || le::u32(block, 0) == 0)
}

fn parse(inode: &Inode, block: &[u8], names: &mut Vec<(Vec<u8>, u64)>) -> Result<(), AuditError> {
    let mut rest = block;
    while !rest.is_empty() {
        let length = if rest.len() < 8 { 0 } else { usize::from(le::u16(rest, 4)) };
        if length < 8 || length % 4 != 0 || length > rest.len() {
            return Err(inode.damaged("an entry of its directory has no end"));
        }
        let (entry, behind) = rest.split_at(length);
        rest = behind;
        let number = le::u32(entry, 0);
        if number == 0 {
            continue;
        }
        let name = entry.get(8..8 + usize::from(entry[6])).unwrap_or_default();
        if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
            return Err(inode.damaged("a name in its directory is none"));
        }
        if name != b"." && name != b".." {
            names.push((name.to_vec(), u64::from(number)));
        }
    }
    Ok(())
}
