//! The first bytes of a disk of 1 MiB.

#![no_main]

use std::io::Cursor;

use disk_audit::{Options, audit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut disk = bytes.to_vec();
    disk.resize(1 << 20, 0);
    let _ = audit(Cursor::new(disk), &Options::default());
});
