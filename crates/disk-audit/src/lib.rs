//! Proves that the disk of a finished machine image is clean.
//!
//! The disk is read itself; nothing asks the guest, so a guest cannot lie. [`audit`] finds the root file system (ext4 or XFS, in a partition or over
//! the whole disk), walks through every directory and reads every file, and answers with one [`Check`] for each rule of `rules.rs`. [`scan_raw`]
//! reads every byte of the disk instead, for what deleted files have left behind.
//!
//! ```no_run
//! use disk_audit::{Canary, Options, audit};
//!
//! let disk = std::fs::File::open("ami.raw")?;
//! let canaries = vec![Canary::new("BUILD_TOKEN", *b"a secret of the build")?];
//! let report = audit(disk, &Options { canaries, ..Options::default() })?;
//! assert!(report.is_clean(), "{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is read may be damaged or made to mislead. A damaged disk is an [`AuditError`], never a report: a file that cannot be read may be the one
//! that should not be there. Links are followed inside the image, never on the machine that reads it. Time and memory are bounded by the size of
//! the disk, whatever stands on it.
//!
//! Both file systems are read by readers of our own, `ext4` and `xfs`, for want of others that could prove anything. `ext4-view` 1.0 takes an extent
//! that is reserved and not written for a longer one of data, and then misses what follows in the file. `xfs-core` 0.1 lists a damaged directory up
//! to the damage and calls that a success. `lamxfs` 0.1 tells no owners, checks no checksum of a directory or of a map of blocks, and cuts long
//! lists short. Ours replay no journal: a disk that was in use is an error. The tests compare what they read with what the images were made of.

mod accounts;
mod contents;
mod disk;
mod error;
mod ext4;
mod fields;
mod options;
mod partitions;
mod raw;
mod report;
mod rules;
mod runs;
mod search;
#[cfg(test)]
mod tests;
mod tree;
mod volume;
mod xfs;

use std::io::{Read, Seek};

pub use error::AuditError;
pub use options::{Canary, CanaryTooShort, Digest, Expected, NotADigest, Options, Owner, Progress, Stage};
pub use raw::{RawFinding, RawScan, scan_raw};
pub use report::{Check, FileSystem, FileSystemKind, Finding, Outcome, Partition, Report};

/// Reads the whole of `disk`, as the firmware sees it, and tells of each rule whether it is kept.
///
/// This takes seconds to minutes; `options.progress` hears of it. To stop it, let `disk` answer with an error.
pub fn audit(disk: impl Read + Seek + 'static, options: &Options) -> Result<Report, AuditError> {
    let found = partitions::find_root(&disk::Window::whole(disk)?)?;
    let tree = tree::Tree::read(&found.root, options)?;
    let contents = contents::read(&found, &tree, options)?;
    Ok(rules::report(&found, &tree, &contents, options))
}
