//! Names and the inodes that they name.

use super::inode::{Fork, Inode};
use super::{Metadata, Xfs, extents};
use crate::AuditError;
use crate::fields::{self, be};

/// In a directory of one block its index stands at the end of that block.
const SINGLE: u32 = 0x5844_4233;
const ONE_OF_MANY: u32 = 0x5844_4433;
const BLOCK: Metadata =
    Metadata { name: "directory", magics: &[SINGLE, ONE_OF_MANY], checksum: 4, position: 8, uuid: 24, owner: 40 };
const HEADER: usize = 64;
/// Behind this byte of a directory there are only its indices.
const INDEX: u64 = 1 << 35;
const FREE: u16 = 0xffff;
const TAIL: usize = 8;

type Names = Vec<(Vec<u8>, u64)>;

/// All names but `.` and `..`, in the order of the blocks.
pub(super) fn read(volume: &Xfs, inode: &Inode) -> Result<Names, AuditError> {
    let mut names = Vec::new();
    if let Fork::Local(content) = inode.fork()? {
        short_form(content, &mut names).map_err(|defect| inode.damaged(defect))?;
        return Ok(names);
    }
    let (block, size) = (volume.superblock.block, volume.superblock.directory_block);
    let runs = extents::runs(volume, inode)?;
    let mut parts = Vec::new();
    let mut is_empty = true;
    for run in runs.iter().take_while(|run| run.file_offset < INDEX) {
        for at in (0..run.length.min(INDEX - run.file_offset)).step_by(fields::size(block)) {
            if !run.is_written || (run.file_offset + at) % size != parts.len() as u64 * block {
                return Err(inode.damaged("a block of its directory has a hole"));
            }
            parts.push(run.offset + at);
            if parts.len() as u64 * block == size {
                let bytes = volume.metadata(inode, &parts, block, &BLOCK)?;
                parse(&bytes, &mut names).map_err(|defect| inode.damaged(defect))?;
                parts.clear();
                is_empty = false;
            }
        }
    }
    let is_whole = parts.is_empty() && !is_empty;
    if is_whole { Ok(names) } else { Err(inode.damaged("its directory ends early")) }
}

/// A small directory stands in its inode. Where one inode number is large, all take eight bytes.
fn short_form(content: &[u8], names: &mut Names) -> Result<(), &'static str> {
    const DEFECT: &str = "its directory ends early";
    let header = content.get(..2).ok_or(DEFECT)?;
    let (count, width) = (header[0], if header[1] == 0 { 4 } else { 8 });
    let mut rest = content.get(2 + width..).ok_or(DEFECT)?;
    for _ in 0..count {
        let length = usize::from(*rest.first().ok_or(DEFECT)?);
        // A length, two bytes for the order, the name, a type, the inode.
        let (entry, behind) = rest.split_at_checked(3 + length + 1 + width).ok_or(DEFECT)?;
        let number = &entry[3 + length + 1..];
        let number = if width == 4 { u64::from(be::u32(number, 0)) } else { be::u64(number, 0) };
        push(&entry[3..3 + length], number, names)?;
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err("its directory has more names than it says") }
}

fn parse(block: &[u8], names: &mut Names) -> Result<(), &'static str> {
    let single = if be::u32(block, 0) == SINGLE { Some(index_of_single(block)?) } else { None };
    let end = single.map_or(block.len(), |(end, _)| end);
    let mut at = HEADER;
    let mut count = 0;
    while at < end {
        let entry =
            block.get(at..end).filter(|entry| entry.len() >= 8).ok_or("an entry of its directory is too short")?;
        let is_free = be::u16(entry, 0) == FREE;
        let length = if is_free {
            usize::from(be::u16(entry, 2))
        } else {
            // The inode, a length, the name, a type, where the entry begins.
            let name = usize::from(*entry.get(8).ok_or("an entry of its directory is too short")?);
            (8 + 1 + name + 1 + 2).next_multiple_of(8)
        };
        if length == 0 || length % 8 != 0 || length > entry.len() {
            return Err("an entry of its directory has no end");
        }
        if usize::from(be::u16(entry, length - 2)) != at {
            return Err("an entry of its directory does not stand where it says");
        }
        if !is_free {
            push(&entry[9..9 + usize::from(entry[8])], be::u64(entry, 0), names)?;
            count += 1;
        }
        at += length;
    }
    if single.is_some_and(|(_, expected)| expected != count) {
        return Err("its directory has not as many names as it says");
    }
    Ok(())
}

/// Where the index of a directory of one block begins, and how many names it knows.
fn index_of_single(block: &[u8]) -> Result<(usize, usize), &'static str> {
    let tail = block.len() - TAIL;
    let (all, stale) = (be::u32(block, tail) as usize, be::u32(block, tail + 4) as usize);
    let begin = all.checked_mul(8).and_then(|length| tail.checked_sub(length)).filter(|begin| *begin >= HEADER);
    begin.zip(all.checked_sub(stale)).ok_or("its directory has an impossible index")
}

fn push(name: &[u8], inode: u64, names: &mut Names) -> Result<(), &'static str> {
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        return Err("a name in its directory is none");
    }
    if name != b"." && name != b".." {
        names.push((name.to_vec(), inode));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_content_of_a_directory_is_too_strange(mut content in proptest::collection::vec(any::<u8>(), 0..512), single: bool) {
            let _ = short_form(&content, &mut Vec::new());
            content.resize(512, 0);
            content[..4].copy_from_slice(&(if single { SINGLE } else { ONE_OF_MANY }).to_be_bytes());
            let _ = parse(&content, &mut Vec::new());
        }
    }
}
