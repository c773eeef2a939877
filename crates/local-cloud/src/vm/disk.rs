//! Copy-on-write disks.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{VmError, missing_or};

const PROGRAM: &str = "qemu-img";

/// Makes an empty disk over another one, which must not change from now on.
pub(crate) async fn overlay(base: &Path, disk: &Path, gib: u32) -> Result<(), VmError> {
    let mut command = Command::new(PROGRAM);
    command.args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]);
    command.args([base.as_os_str(), disk.as_os_str(), OsStr::new(&format!("{gib}G"))]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| missing_or(error, PROGRAM, "qemu-utils"))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(VmError::Program { program: PROGRAM, output })
}

/// The disk that lies directly below this one.
pub(crate) fn base_of(disk: &Path) -> io::Result<Option<PathBuf>> {
    let Some((offset, length)) = Header::read(disk)?.base else { return Ok(None) };
    let mut file = fs_err::File::open(disk)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut path = Vec::new();
    file.take(length).read_to_end(&mut path)?;
    Ok(Some(PathBuf::from(OsString::from_vec(path))))
}

/// The disk that lies below all others, which is a parent image's.
pub(crate) fn bottom_of(disk: &Path) -> io::Result<PathBuf> {
    let mut bottom = disk.to_owned();
    while let Some(base) = base_of(&bottom)? {
        bottom = base;
    }
    Ok(bottom)
}

/// What the header of a qcow2 file says (QEMU's docs/interop/qcow2.txt).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where in the file the name of the disk below is, and how long.
    base: Option<(u64, u64)>,
    /// The size as the guest sees it.
    pub(crate) bytes: u64,
    is_encrypted: bool,
    incompatible_features: u64,
}

impl Header {
    pub(crate) fn read(disk: &Path) -> io::Result<Self> {
        let mut header = Vec::new();
        fs_err::File::open(disk)?.take(80).read_to_end(&mut header)?;
        Self::parse(&header)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is no qcow2 disk", disk.display())))
    }

    fn parse(header: &[u8]) -> Option<Self> {
        let number = |at: usize, length: usize| {
            let bytes = header.get(at..at + length)?;
            Some(bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte)))
        };
        let (offset, length) = (number(8, 8)?, number(16, 4)?);
        if !header.starts_with(b"QFI\xfb") || length > 1023 {
            return None;
        }
        Some(Self {
            base: (offset != 0).then_some((offset, length)),
            bytes: number(24, 8)?,
            is_encrypted: number(32, 4).unwrap_or_default() != 0,
            // Version 2 has none.
            incompatible_features: if number(4, 4)? >= 3 { number(72, 8).unwrap_or_default() } else { 0 },
        })
    }

    /// Why a disk that came from elsewhere cannot lie below others.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        const CORRUPT: u64 = 1 << 1;
        const EXTERNAL_DATA: u64 = 1 << 2;
        if self.base.is_some() || self.incompatible_features & EXTERNAL_DATA != 0 {
            // It could name any file of this machine.
            Some("a part of it is in another file; `qemu-img convert -O qcow2 OLD NEW` makes one file of it")
        } else if self.is_encrypted {
            Some("it is encrypted")
        } else if self.incompatible_features & CORRUPT != 0 {
            Some("it is marked as corrupt")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(change: impl FnOnce(&mut [u8])) -> Header {
        let mut bytes = vec![0; 80];
        bytes[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
        bytes[24..32].copy_from_slice(&(25_u64 << 30).to_be_bytes());
        change(&mut bytes);
        Header::parse(&bytes).unwrap()
    }

    #[test]
    fn only_a_disk_that_needs_no_other_file_has_no_flaw() {
        assert_eq!(header(|_| ()).flaw(), None);
        assert_eq!(header(|_| ()).bytes, 25 << 30);
        assert!(header(|bytes| (bytes[15], bytes[19]) = (104, 11)).flaw().unwrap().contains("another file"));
        assert!(header(|bytes| bytes[79] = 4).flaw().unwrap().contains("another file"));
        assert!(header(|bytes| bytes[35] = 2).flaw().unwrap().contains("encrypted"));
        assert!(header(|bytes| bytes[79] = 2).flaw().unwrap().contains("corrupt"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let read = Header::parse(&bytes);
            prop_assert!(read.is_none() || bytes.starts_with(b"QFI\xfb"));
        }
    }
}
