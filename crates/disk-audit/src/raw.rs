//! What deleted files have left behind.

use std::io::{Read, Seek, SeekFrom};

use serde::Serialize;

use crate::AuditError;
use crate::options::Canary;
use crate::search::{Form, Needles, Search};

/// What stands anywhere on the disk, in files or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RawScan {
    pub bytes_read: u64,
    /// The first of them, in the order of the disk.
    pub findings: Vec<RawFinding>,
    /// How many there are in all.
    pub count: u64,
}

impl RawScan {
    pub fn is_clean(&self) -> bool {
        self.count == 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RawFinding {
    /// The name of the canary.
    pub canary: String,
    /// In bytes from the disk's first.
    pub offset: u64,
    /// It is not there as it is, but in Base64.
    pub is_base64: bool,
}

const BUFFER: usize = 1 << 20;
const MOST_FINDINGS: usize = 100;

/// Reads every byte of `disk` once, in order. A canary that is scattered over blocks that do not follow each other is not found.
pub fn scan_raw(mut disk: impl Read + Seek, canaries: &[Canary]) -> Result<RawScan, AuditError> {
    let needles = Needles::canaries(canaries);
    let mut search = Search::new(&needles);
    let mut scan = RawScan { bytes_read: 0, findings: Vec::new(), count: 0 };
    let mut buffer = vec![0; BUFFER];
    let failure = |offset, source| AuditError::Read { offset, length: BUFFER, source };
    disk.seek(SeekFrom::Start(0)).map_err(|source| failure(0, source))?;
    loop {
        let count = match disk.read(&mut buffer) {
            Ok(0) => return Ok(scan),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(failure(scan.bytes_read, source)),
        };
        search.feed(&buffer[..count], |hit| {
            scan.count += 1;
            if scan.findings.len() < MOST_FINDINGS {
                let canary = canaries[hit.number].name().to_owned();
                scan.findings.push(RawFinding { canary, offset: hit.offset, is_base64: hit.form == Form::Base64 });
            }
        });
        scan.bytes_read += count as u64;
    }
}
