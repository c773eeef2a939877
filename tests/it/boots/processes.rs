//! The processes of this machine that mention a directory on their command line.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Process ids and command lines of everything that was started for this directory.
pub(crate) fn of(directory: &Path) -> Vec<(i32, String)> {
    let needle = directory.to_str().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process can end between the listing and the reading.
        let Ok(command) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let mentions = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(needle);
        if pid != i32::try_from(std::process::id()).unwrap() && (mentions(&command) || mentions(&environment)) {
            found.push((pid, String::from_utf8_lossy(&command).replace('\0', " ")));
        }
    }
    found
}

/// Kills one process the way a crash does.
pub(crate) fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}
