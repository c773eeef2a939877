//! The map that says where a file's blocks lie: a list in the inode, or a tree.

use super::inode::{Fork, Inode};
use super::{Metadata, Xfs};
use crate::AuditError;
use crate::fields::be;
use crate::runs::{Run, Runs};

const RECORD: usize = 16;
const HEADER: usize = 72;
/// The kernel allows nine levels at most.
const DEEPEST: u16 = 9;

const NODE: Metadata =
    Metadata { name: "map of blocks", magics: &[0x424d_4133], checksum: 64, position: 24, uuid: 40, owner: 56 };

pub(super) fn runs(volume: &Xfs, inode: &Inode) -> Result<Runs, AuditError> {
    let mut runs = Runs::new(volume.superblock.blocks);
    let count = match inode.fork()? {
        Fork::Local(_) => return Err(inode.damaged("it has no map of blocks")),
        Fork::Extents(fork, count) => {
            let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(RECORD));
            let records = length.and_then(|length| fork.get(..length));
            let records = records.ok_or_else(|| inode.damaged("its map of blocks is larger than its inode"))?;
            leaf(volume, inode, records, &mut runs)?;
            count
        }
        Fork::Tree(fork, count) => {
            root(volume, inode, fork, &mut runs)?;
            count
        }
    };
    // An extent that is missing in the tree would be taken for a hole.
    if runs.count() == count { Ok(runs) } else { Err(inode.damaged("its map of blocks has a wrong count")) }
}

/// The root has no header but its level and its count.
fn root(volume: &Xfs, inode: &Inode, fork: &[u8], runs: &mut Runs) -> Result<(), AuditError> {
    let (level, count) = (be::u16(fork, 0), usize::from(be::u16(fork, 2)));
    if level == 0 || level > DEEPEST {
        return Err(inode.damaged("its map of blocks has an impossible level"));
    }
    children(volume, inode, &fork[4..], (level, count), runs)
}

/// Keys come first, then as much room for pointers. Runs come in the order of the file, which ends every ring in a damaged tree.
fn children(
    volume: &Xfs,
    inode: &Inode,
    node: &[u8],
    (level, count): (u16, usize),
    runs: &mut Runs,
) -> Result<(), AuditError> {
    let most = node.len() / RECORD;
    if count == 0 || count > most {
        return Err(inode.damaged("a node of its map of blocks has an impossible count"));
    }
    for pointer in node[most * 8..].chunks_exact(8).take(count) {
        let offset = volume.superblock.locate_block(be::u64(pointer, 0));
        let offset = offset.ok_or_else(|| inode.damaged("its map of blocks points outside of the file system"))?;
        let bytes = volume.metadata(inode, &[offset], volume.superblock.block, &NODE)?;
        let (found, count) = (be::u16(&bytes, 4), usize::from(be::u16(&bytes, 6)));
        if found != level - 1 {
            return Err(inode.damaged("a node of its map of blocks has a wrong level"));
        }
        if found > 0 {
            children(volume, inode, &bytes[HEADER..], (found, count), runs)?;
            continue;
        }
        let records = bytes.get(HEADER..HEADER + count * RECORD).filter(|records| !records.is_empty());
        let records = records.ok_or_else(|| inode.damaged("a leaf of its map of blocks has an impossible count"))?;
        leaf(volume, inode, records, runs)?;
    }
    Ok(())
}

fn leaf(volume: &Xfs, inode: &Inode, records: &[u8], runs: &mut Runs) -> Result<(), AuditError> {
    let block = volume.superblock.block;
    for record in records.chunks_exact(RECORD) {
        let Packed { file_block, first, count, is_written } = unpack(record);
        let offset = volume.superblock.locate_blocks(first, count);
        let offset = offset.ok_or_else(|| inode.damaged("its blocks lie outside of the file system"))?;
        let file_offset = file_block.checked_mul(block).ok_or_else(|| inode.damaged("it is too large"))?;
        let run = Run { file_offset, offset, length: count * block, is_written };
        runs.push(run).map_err(|defect| inode.damaged(defect))?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Packed {
    file_block: u64,
    first: u64,
    count: u64,
    is_written: bool,
}

/// 1 bit: reserved and not written; 54: block of the file; 52: block of the file system; 21: count.
fn unpack(record: &[u8]) -> Packed {
    let (high, low) = (be::u64(record, 0), be::u64(record, 8));
    Packed {
        file_block: high >> 9 & ((1 << 54) - 1),
        first: (high & 0x1ff) << 43 | low >> 21,
        count: low & ((1 << 21) - 1),
        is_written: high >> 63 == 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_unpacked_as_it_was_packed(
            file_block in 0..1_u64 << 54,
            first in 0..1_u64 << 52,
            count in 0..1_u64 << 21,
            is_written: bool,
        ) {
            let high = u64::from(!is_written) << 63 | file_block << 9 | first >> 43;
            let record = [high.to_be_bytes(), (first << 21 | count).to_be_bytes()].concat();
            prop_assert_eq!(unpack(&record), Packed { file_block, first, count, is_written });
        }
    }
}
