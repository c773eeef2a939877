//! XFS with bytes changed.

#![no_main]

#[path = "changed.rs"]
mod changed;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static IMAGE: LazyLock<changed::Image> = LazyLock::new(|| {
    let (root, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    changed::source(root.path());
    let mut prototype = "boot\n0 0\nd--755 0 0\n".to_owned();
    describe(root.path(), &mut prototype);
    let prototype_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(prototype_file.path(), prototype + "$\n").unwrap();
    let mut make = Command::new("/usr/sbin/mkfs.xfs");
    // File systems of less than 300 MB are made for the tests of XFS only.
    make.envs([("TEST_DIR", "1"), ("TEST_DEV", "1"), ("QA_CHECK_FS", "1")]).args(["-q", "-f", "-p"]);
    make.arg(prototype_file.path()).arg("-d").arg(format!("file,name={},size=16m", file.path().display()));
    assert!(make.status().unwrap().success());
    changed::Image::new(std::fs::read(file.path()).unwrap())
});

fn describe(directory: &Path, text: &mut String) {
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let (name, kind) = (path.file_name().unwrap().to_str().unwrap(), path.symlink_metadata().unwrap().file_type());
        if kind.is_symlink() {
            writeln!(text, "{name} l--777 0 0 {}", std::fs::read_link(&path).unwrap().display()).unwrap();
        } else if kind.is_dir() {
            writeln!(text, "{name} d--755 0 0").unwrap();
            describe(&path, text);
            text.push_str("$\n");
        } else {
            writeln!(text, "{name} ---644 0 0 {}", path.display()).unwrap();
        }
    }
}

fuzz_target!(|changes: &[u8]| IMAGE.audit(changes));
