//! Processes that may be signalled: held by a file descriptor, so that a recycled pid is never taken for one of ours.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process that was there when it was looked for.
#[derive(Debug)]
pub(crate) struct Process {
    handle: OwnedFd,
}

impl Process {
    /// Takes hold of a process; `None` when it is gone.
    pub(crate) fn open(pid: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        Some(Self { handle })
    }

    /// A process that has ended already is no error.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.handle, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => other.map_err(io::Error::from),
        }
    }

    /// Waits for the end of the process; answers whether it came in time.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let timeout = Timespec::try_from(at_most).ok();
        let mut ended = [PollFd::new(&self.handle, PollFlags::IN)];
        loop {
            match poll(&mut ended, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                other => return other.is_ok_and(|ready| ready > 0),
            }
        }
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&self) -> io::Result<()> {
        let handle = self.handle.try_clone()?;
        #[expect(deprecated, reason = "it is sound for an owned descriptor, and its successor asks for unsafe code")]
        let handle = AsyncFd::with_interest(handle, Interest::READABLE)?;
        handle.readable().await.map(|_| ())
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.wait(Duration::ZERO)
    }
}

/// Every QEMU of an instance below `instances`, found by its command line, with its instance's directory.
pub(crate) fn guests_below(instances: &Path) -> io::Result<Vec<(PathBuf, Process)>> {
    let mut guests = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Held first and read afterwards: what is read belongs to what is held.
        if let Some(process) = Process::open(pid)
            && let Some(directory) = instance_of(&command_line(pid))
            && directory.parent() == Some(instances)
        {
            guests.push((directory, process));
        }
    }
    Ok(guests)
}

/// The directory whose `qemu.pid` a command line names.
fn instance_of(arguments: &[OsString]) -> Option<PathBuf> {
    let program = Path::new(arguments.first()?).file_name()?;
    let flag = arguments.iter().position(|argument| argument == "-pidfile")?;
    let file = Path::new(arguments.get(flag + 1)?);
    let is_guest = program == super::machine::PROGRAM && file.ends_with("qemu.pid");
    if is_guest { file.parent().map(Path::to_owned) } else { None }
}

fn command_line(pid: u32) -> Vec<OsString> {
    // A process that ended in the meantime has none.
    let bytes = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_qemu_that_names_its_pid_file_is_a_guest() {
        let line = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let guest = line(&["/usr/bin/qemu-system-x86_64", "-m", "1", "-pidfile", "/s/instances/i-1/qemu.pid"]);
        assert_eq!(instance_of(&guest), Some(PathBuf::from("/s/instances/i-1")));
        assert_eq!(instance_of(&line(&["vi", "-pidfile", "/s/instances/i-1/qemu.pid"])), None);
        assert_eq!(instance_of(&line(&["qemu-system-x86_64", "/s/instances/i-1/qemu.pid"])), None);
        assert_eq!(instance_of(&[]), None);
    }

    #[test]
    fn a_process_can_be_ended_and_its_end_is_seen() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(child.id()).unwrap();
        assert!(process.is_alive());
        process.signal(Signal::KILL).unwrap();
        assert!(process.wait(Duration::from_secs(10)));
        child.wait().unwrap();
        process.signal(Signal::KILL).unwrap();
    }
}
