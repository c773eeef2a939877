//! Whether the file system was unmounted. What a log still holds is not yet where readers look.

use super::damaged;
use super::superblock::Superblock;
use crate::AuditError;
use crate::disk::Window;
use crate::fields::{be, size};

const SECTOR: usize = 512;
const MAGIC: u32 = 0xfeed_babe;
const VERSION_2: u32 = 2;
/// A record has one more header for each so many bytes that it was made for.
const CYCLES: u64 = 32 << 10;
const UNMOUNT: u8 = 0x20;
const CHUNK: u64 = 1 << 20;

/// The last thing that is written to a log is a record that says that the file system is unmounted.
pub(super) fn examine(window: &Window, superblock: &Superblock) -> Result<(), AuditError> {
    let (block, count) = superblock.log;
    let begin = superblock.locate_blocks(block, count).ok_or_else(|| damaged("the log", "it lies outside"))?;
    let length = count * superblock.block;
    let newest = newest(window, superblock, begin, length)?.ok_or_else(|| damaged("the log", "it has no record"))?;
    let operation = (newest.sector + newest.headers) * SECTOR as u64;
    let is_unmount = newest.operations == 1 && window.bytes(begin + operation % length, SECTOR)?[9] & UNMOUNT != 0;
    if is_unmount { Ok(()) } else { Err(AuditError::NotUnmounted { file_system: "XFS" }) }
}

struct Record {
    /// Cycle and sector, which grow with time.
    sequence: u64,
    sector: u64,
    headers: u64,
    operations: u32,
}

fn newest(window: &Window, superblock: &Superblock, begin: u64, length: u64) -> Result<Option<Record>, AuditError> {
    let mut newest: Option<Record> = None;
    let mut buffer = Vec::new();
    for chunk in (0..length).step_by(size(CHUNK)) {
        buffer.resize(size(CHUNK.min(length - chunk)), 0);
        window.read(begin + chunk, &mut buffer)?;
        for (bytes, sector) in buffer.chunks_exact(SECTOR).zip(chunk / SECTOR as u64..) {
            let found = record(bytes, sector, superblock);
            if let Some(found) =
                found.filter(|found| newest.as_ref().is_none_or(|newest| newest.sequence < found.sequence))
            {
                newest = Some(found);
            }
        }
    }
    Ok(newest)
}

/// Other sectors begin with the number of the cycle in which they were written.
fn record(sector: &[u8], number: u64, superblock: &Superblock) -> Option<Record> {
    if be::u32(sector, 0) != MAGIC || sector[304..320] != superblock.uuid {
        return None;
    }
    let (sequence, buffer) = (be::u64(sector, 16), u64::from(be::u32(sector, 320)));
    let headers = if be::u32(sector, 8) & VERSION_2 == 0 { 1 } else { buffer.div_ceil(CYCLES).max(1) };
    let record = Record { sequence, sector: number, headers, operations: be::u32(sector, 40) };
    (sequence & u64::from(u32::MAX) == number).then_some(record)
}
