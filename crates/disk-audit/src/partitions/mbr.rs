//! The partition table of a master boot record.

use super::{Place, SECTOR};
use crate::AuditError;
use crate::disk::Window;
use crate::fields::{le, size};

/// The four primary partitions. An extended one is a partition of unknown content: images of machines have none.
pub(super) fn read(disk: &Window) -> Result<Vec<Place>, AuditError> {
    if disk.length() < SECTOR {
        return Ok(Vec::new());
    }
    let sector = disk.bytes(0, size(SECTOR))?;
    if sector[510..] != [0x55, 0xaa] {
        return Ok(Vec::new());
    }
    let used = sector[446..510].chunks_exact(16).zip(1..).filter(|(entry, _)| entry[4] != 0);
    let mut places: Vec<_> = used
        .map(|(entry, number)| {
            let field = |at: usize| u64::from(le::u32(entry, at));
            Place { number, start: field(8) * SECTOR, length: field(12) * SECTOR }
        })
        .collect();
    places.sort_by_key(|place| place.start);
    Ok(places)
}
