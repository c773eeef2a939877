//! What guests have written.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::Compute;

/// EC2 keeps the last 64 KiB of a console.
const CONSOLE: u64 = 64 * 1024;
/// A build may say more than a console, but not fill our memory.
const AGENT: u64 = 4 * 1024 * 1024;

impl Compute {
    /// The serial console since the last boot; of a long one, the end.
    pub fn console(&self, instance_id: &str) -> String {
        text(&self.directory(instance_id).join("console.log"), CONSOLE)
    }

    /// What the agent in the guest has written so far; of a long log, the end.
    pub fn agent_log(&self, instance_id: &str) -> String {
        text(&self.directory(instance_id).join("agent.log"), AGENT)
    }
}

/// What a kernel says when it turns the machine off, the last line first. That one is lost now and then: while another processor writes
/// to the console, a line waits for its turn, and the power goes before.
const POWER_OFF: [&str; 3] =
    ["reboot: Power down", "ACPI: PM: Preparing to enter system sleep state S5", "sysrq: Power Off"];

/// Whether the last thing a guest's kernel said was that it turns the machine off.
pub(super) fn powered_itself_off(directory: &Path) -> bool {
    let end = text(&directory.join("console.log"), 512);
    POWER_OFF.iter().any(|line| end.contains(line))
}

fn text(path: &Path, most: u64) -> String {
    // A guest that has not written yet, or was terminated, has written nothing.
    String::from_utf8_lossy(&end(path, most).unwrap_or_default()).into_owned()
}

fn end(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_cut_at_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.log");
        fs_err::write(&path, format!("{}end", "x".repeat(100))).unwrap();
        assert_eq!(text(&path, 5), "xxend");
        assert_eq!(text(&directory.path().join("none"), 5), "");
    }

    #[test]
    fn a_kernel_that_panicked_did_not_power_itself_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.log");
        fs_err::write(&path, "Kernel panic - not syncing").unwrap();
        assert!(!powered_itself_off(directory.path()));
        fs_err::write(&path, "[   22.8] reboot: Power down\r\n").unwrap();
        assert!(powered_itself_off(directory.path()));
    }

    #[test]
    fn the_last_line_of_a_kernel_may_be_lost() {
        let directory = tempfile::tempdir().unwrap();
        let end =
            "[   19.178050] sysrq: Power Off\r\n[   19.183483] ACPI: PM: Preparing to enter system sleep state S5\r\n";
        fs_err::write(directory.path().join("console.log"), end).unwrap();
        assert!(powered_itself_off(directory.path()));
    }
}
