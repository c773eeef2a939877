//! Why nothing can be said of a disk.

use std::io;

/// The disk could not be read to its end. A report of a part would prove nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    #[error("failed to read {length} bytes at byte {offset} of the disk")]
    Read { offset: u64, length: usize, source: io::Error },
    #[error("failed to read the disk's partitions: {0}")]
    PartitionTable(&'static str),
    #[error("no file system of the disk has an /etc/os-release; there are: {0}")]
    NoRoot(String),
    #[error("the {file_system} file system is damaged: {place}: {defect}")]
    Damaged { file_system: &'static str, place: String, defect: String },
    #[error("the {file_system} file system uses {feature}, which is not read here")]
    Unsupported { file_system: &'static str, feature: String },
    #[error(
        "the {file_system} file system was not unmounted: its journal holds changes that are not where they belong"
    )]
    NotUnmounted { file_system: &'static str },
    #[error("the file system has more than {limit} {what}")]
    TooMany { limit: u64, what: &'static str },
}

impl AuditError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Read { .. } => None,
            Self::PartitionTable(_) | Self::NoRoot(_) => Some(
                "pass a raw disk (`qemu-img convert -O raw`), with a GPT, an MBR or a file system over the whole of it",
            ),
            Self::Damaged { .. } | Self::TooMany { .. } => {
                Some("make the disk anew, or look at it with `xfs_repair -n` or `e2fsck -n`")
            }
            Self::Unsupported { .. } => Some("make the root file system with the defaults of mkfs.ext4 or mkfs.xfs"),
            Self::NotUnmounted { .. } => {
                Some("stop the instance before its disk becomes an image; `mount` and `umount` mend this disk")
            }
        }
    }
}
