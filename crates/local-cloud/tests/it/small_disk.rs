//! A test on a file system that is really full: a small one in memory, in a mount namespace of its own, in which the test
//! runs once more. Needs no root where the kernel lets users have namespaces.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const VARIABLE: &str = "VERIS_TEST_SMALL_DISK";

/// The file system of a test that runs in its namespace.
pub(crate) struct SmallDisk {
    pub(crate) directory: PathBuf,
}

impl SmallDisk {
    /// Runs the test of this name again with `mib` of disk. Answers the disk in that run, and nothing in the outer one.
    pub(crate) fn enter(test: &str, mib: u32) -> Option<Self> {
        if let Some(directory) = std::env::var_os(VARIABLE) {
            return Some(Self { directory: directory.into() });
        }
        let directory = tempfile::tempdir().unwrap();
        let namespace = ["--mount", "--propagation", "private"].into_iter();
        let user = if rustix::process::geteuid().is_root() { [].as_slice() } else { &["--user", "--map-root-user"] };
        let namespace: Vec<&str> = namespace.chain(user.iter().copied()).collect();
        let possible = Command::new("unshare").args(&namespace).arg("true").output();
        if !possible.is_ok_and(|output| output.status.success()) {
            crate::guests::skipped("this machine gives no mount namespace, and with that no full disk");
            return None;
        }
        let mount = format!("mount -t tmpfs -o size={mib}m small \"$0\" && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(&namespace).args(["sh", "-c", &mount]).arg(directory.path());
        command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture", "--test-threads=1"]);
        let output = command.env(VARIABLE, directory.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        None
    }

    /// Changes the size, as when somebody else takes or gives back space.
    pub(crate) fn resize(&self, bytes: u64) {
        let size = format!("remount,size={bytes}");
        let status = Command::new("mount").args(["-o", &size]).arg(&self.directory).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn used(&self) -> u64 {
        let space = rustix::fs::statvfs(&self.directory).unwrap();
        (space.f_blocks - space.f_bfree) * space.f_frsize
    }

    /// Leaves not one free byte.
    pub(crate) fn fill(&self, name: &str) -> PathBuf {
        let path = self.directory.join(name);
        fill(&path);
        path
    }
}

fn fill(path: &Path) {
    let mut file = fs_err::File::create(path).unwrap();
    let mut chunk = vec![1; 64 * 1024];
    while !chunk.is_empty() {
        if file.write_all(&chunk).is_err() {
            chunk.truncate(chunk.len() / 2);
        }
    }
}
