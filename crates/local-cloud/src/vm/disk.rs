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

/// The disk that lies directly below this one, from the header of the file.
pub(crate) fn base_of(disk: &Path) -> io::Result<Option<PathBuf>> {
    let mut file = fs_err::File::open(disk)?;
    let mut header = [0; 20];
    file.read_exact(&mut header)?;
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let (offset, length) = (number(&header[8..16]), number(&header[16..20]));
    if &header[..4] != b"QFI\xfb" || length > 1023 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is no qcow2 disk", disk.display())));
    }
    if offset == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut path = Vec::new();
    file.take(length).read_to_end(&mut path)?;
    Ok(Some(PathBuf::from(OsString::from_vec(path))))
}
