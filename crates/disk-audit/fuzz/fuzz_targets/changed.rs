//! An image that mkfs has made, with bytes of the input written over it where something stands. Checksums are not looked at.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::symlink;
use std::path::Path;

use disk_audit::{Canary, Options, audit};

/// What the images are made of: directories of every form, and links of both.
pub fn source(root: &Path) {
    for directory in ["etc", "many", "some", "tmp"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    fs::write(root.join("etc/os-release"), "ID=amzn\n").unwrap();
    fs::write(root.join("etc/shadow"), "root:*:1::::::\n").unwrap();
    fs::write(root.join("file"), vec![7; 20_000]).unwrap();
    (0..300).for_each(|number| fs::write(root.join(format!("many/a-rather-long-name-{number}")), "").unwrap());
    (0..20).for_each(|number| fs::write(root.join(format!("some/a-rather-long-name-{number}")), "").unwrap());
    symlink("etc", root.join("short")).unwrap();
    symlink("t".repeat(700), root.join("long")).unwrap();
}

pub struct Image {
    bytes: Vec<u8>,
    used: Vec<usize>,
}

impl Image {
    pub fn new(bytes: Vec<u8>) -> Self {
        let sectors = bytes.chunks_exact(512).enumerate();
        let used = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0)).map(|(at, _)| at * 512).collect();
        Self { bytes, used }
    }

    /// Five bytes of the input are a change: where (a used sector, and a byte in it), and what stands there then.
    pub fn audit(&self, changes: &[u8]) {
        let mut disk = self.bytes.clone();
        for change in changes.chunks_exact(5) {
            let sector = usize::from(u16::from_le_bytes([change[0], change[1]])) % self.used.len();
            let byte = usize::from(u16::from_le_bytes([change[2], change[3]])) % 512;
            disk[self.used[sector] + byte] = change[4];
        }
        let canaries = vec![Canary::new("C", *b"any canary").unwrap()];
        let _ = audit(Cursor::new(disk), &Options { canaries, ..Options::default() });
    }
}
