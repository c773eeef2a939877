//! ext4 with bytes changed.

#![no_main]

#[path = "changed.rs"]
mod changed;

use std::process::Command;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static IMAGE: LazyLock<changed::Image> = LazyLock::new(|| {
    let (root, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    changed::source(root.path());
    let mut make = Command::new("/usr/sbin/mke2fs");
    make.args(["-q", "-F", "-t", "ext4", "-b", "1024", "-N", "512", "-O", "^has_journal,metadata_csum", "-d"]);
    assert!(make.arg(root.path()).arg(file.path()).arg("1500k").status().unwrap().success());
    changed::Image::new(std::fs::read(file.path()).unwrap())
});

fuzz_target!(|changes: &[u8]| IMAGE.audit(changes));
