//! Where the bytes of a disk are in the files of its chain, as `qemu-img map` tells. Nothing is mounted and nothing is served: whoever
//! knows the places reads the files.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::{VmError, missing_or};

const PROGRAM: &str = "qemu-img";

/// Bytes of a disk that lie together. What is in no extent reads as zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: u64,
    pub(crate) length: u64,
    pub(crate) place: Place,
}

/// Where the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// As they are, in the file that lies `depth` files below the disk's own.
    File { depth: usize, offset: u64 },
    /// Compressed: only QEMU can read them.
    Compressed,
}

/// One line of `qemu-img map --output json`. Versions before 8.2 do not say what is compressed, and give no offset for it.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Mapped {
    start: u64,
    length: u64,
    depth: usize,
    zero: bool,
    data: bool,
    offset: Option<u64>,
    #[serde(default)]
    compressed: bool,
}

/// Every extent of a disk that holds data, in the disk's order.
pub(crate) async fn of(disk: &Path) -> Result<Vec<Extent>, VmError> {
    let mut command = Command::new(PROGRAM);
    command.args(["map", "--output", "json", "-f", "qcow2"]).arg(disk);
    // An answer that is not understood must not read as an empty disk.
    parse(&run(command).await?).map_err(|error| VmError::Program { program: PROGRAM, output: error.to_string() })
}

/// Reads bytes that are compressed. `block` counts blocks of `length` bytes.
pub(crate) async fn decompress(disk: &Path, block: u32, length: usize) -> Result<Vec<u8>, VmError> {
    let failed = |source| VmError::Io { attempt: "read a compressed disk", source };
    let file = tempfile::NamedTempFile::new().map_err(failed)?;
    // A window over the disk. `qemu-img dd` would do, but what its `count` means has changed between versions.
    let offset = u64::from(block) * length as u64;
    let lower = json!({"driver": "qcow2", "file": {"driver": "file", "filename": disk.display().to_string()}});
    let window = json!({"driver": "raw", "offset": offset, "size": length, "file": lower});
    let mut command = Command::new(PROGRAM);
    command.args(["convert", "-O", "raw", &format!("json:{window}")]).arg(file.path());
    run(command).await?;
    let bytes = fs_err::tokio::read(file.path()).await.map_err(failed)?;
    if bytes.len() != length {
        let output = format!("it wrote {} bytes of block {block} instead of {length}", bytes.len());
        return Err(VmError::Program { program: PROGRAM, output });
    }
    Ok(bytes)
}

async fn run(mut command: Command) -> Result<Vec<u8>, VmError> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| missing_or(error, PROGRAM, "qemu-utils"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(VmError::Program { program: PROGRAM, output: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

fn parse(json: &[u8]) -> Result<Vec<Extent>, serde_json::Error> {
    let mapped: Vec<Mapped> = serde_json::from_slice(json)?;
    let holds_data = |it: &Mapped| it.data && !it.zero;
    Ok(mapped.into_iter().filter(holds_data).map(Extent::of).collect())
}

impl Extent {
    fn of(mapped: Mapped) -> Self {
        let Mapped { start, length, depth, offset, compressed, .. } = mapped;
        let place = match offset {
            Some(offset) if !compressed => Place::File { depth, offset },
            _ => Place::Compressed,
        };
        Self { start, length, place }
    }

    pub(crate) fn end(&self) -> u64 {
        self.start + self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_told_with_and_without_the_word() {
        let extents = parse(
            br#"[{"start": 0, "length": 512, "depth": 1, "present": true, "zero": false, "data": true, "offset": 327680},
                 {"start": 512, "length": 512, "depth": 0, "present": false, "zero": true, "data": false},
                 {"start": 1024, "length": 512, "depth": 0, "present": true, "zero": false, "data": true},
                 {"start": 1536, "length": 512, "depth": 0, "present": true, "zero": false, "data": true, "compressed": true,
                  "offset": 9}]"#,
        );
        let at = |start, place| Extent { start, length: 512, place };
        let file = Place::File { depth: 1, offset: 327_680 };
        let expected = [at(0, file), at(1024, Place::Compressed), at(1536, Place::Compressed)];
        assert_eq!(extents.unwrap(), expected);
        assert!(parse(b"").is_err());
    }
}
