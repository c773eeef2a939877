//! The GUID partition table (UEFI specification, 5.3).

use crc::{CRC_32_ISO_HDLC, Crc};

use super::{Place, SECTOR};
use crate::AuditError;
use crate::disk::Window;
use crate::fields::{agree, le, size};

const SIGNATURE: &[u8] = b"EFI PART";
/// Tables in use have 128 entries; 1024 of the largest size are 4 MiB.
const MOST_ENTRIES: u32 = 1024;
const LARGEST_ENTRY: u32 = 4096;

/// The partitions of the table, or nothing where the disk has none. Where the first copy is damaged, the one at the end of the disk counts.
pub(super) fn read(disk: &Window) -> Result<Option<Vec<Place>>, AuditError> {
    let sectors = disk.length() / SECTOR;
    if sectors < 3 {
        return Ok(None);
    }
    let (first, last) = (header(disk, 1)?, header(disk, sectors - 1)?);
    let table = match (first, last) {
        (Header::Absent, Header::Absent) => return Ok(None),
        (Header::Good(header), _) | (_, Header::Good(header)) => entries(disk, &header)?,
        _ => None,
    };
    table.map(Some).ok_or(AuditError::PartitionTable("the GPT is damaged, and so is its copy"))
}

enum Header {
    Absent,
    Damaged,
    Good(Table),
}

struct Table {
    first_sector: u64,
    count: u32,
    size: u32,
    checksum: u32,
}

fn header(disk: &Window, sector: u64) -> Result<Header, AuditError> {
    let mut bytes = disk.bytes(sector * SECTOR, size(SECTOR))?;
    if !bytes.starts_with(SIGNATURE) {
        return Ok(Header::Absent);
    }
    let (length, checksum) = (le::u32(&bytes, 12), le::u32(&bytes, 16));
    bytes[16..20].fill(0);
    let covered = usize::try_from(length).ok().filter(|length| *length >= 92).and_then(|length| bytes.get(..length));
    let table = Table {
        first_sector: le::u64(&bytes, 72),
        count: le::u32(&bytes, 80),
        size: le::u32(&bytes, 84),
        checksum: le::u32(&bytes, 88),
    };
    let good = covered.is_some_and(|covered| agree(crc32(covered), checksum))
        && le::u64(&bytes, 24) == sector
        && table.count <= MOST_ENTRIES
        && (128..=LARGEST_ENTRY).contains(&table.size);
    Ok(if good { Header::Good(table) } else { Header::Damaged })
}

/// Nothing where the entries do not fit their checksum.
fn entries(disk: &Window, table: &Table) -> Result<Option<Vec<Place>>, AuditError> {
    let length = table.count * table.size;
    let Some(offset) = table.first_sector.checked_mul(SECTOR) else { return Ok(None) };
    let bytes = disk.bytes(offset, length as usize)?;
    if !agree(crc32(&bytes), table.checksum) {
        return Ok(None);
    }
    let used = bytes.chunks_exact(table.size as usize).zip(1..).filter(|(entry, _)| entry[..16] != [0; 16]);
    let mut places: Vec<Place> = used
        .map(|(entry, number)| place(number, le::u64(entry, 32), le::u64(entry, 40)))
        .collect::<Option<_>>()
        .ok_or(AuditError::PartitionTable("one ends before it begins"))?;
    places.sort_by_key(|place| place.start);
    Ok(Some(places))
}

/// `last` belongs to the partition.
fn place(number: u32, first: u64, last: u64) -> Option<Place> {
    let sectors = last.checked_add(1)?.checked_sub(first)?;
    Some(Place { number, start: first.checked_mul(SECTOR)?, length: sectors.checked_mul(SECTOR)? })
}

fn crc32(bytes: &[u8]) -> u32 {
    Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes)
}
