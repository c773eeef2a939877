//! Where the running local cloud is reached: `endpoint.json`.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::layout::Layout;

/// Address and process of a running control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    pub pid: u32,
    /// The process's start in clock ticks since boot (field 22 of `/proc/PID/stat`): a recycled pid does not match it.
    pub start_time: u64,
}

impl Endpoint {
    /// What the file says; `None` where there is none or it cannot be understood.
    pub fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&fs_err::read(layout.endpoint()).ok()?).ok()
    }

    /// Whether the process that wrote the file still runs; a recycled pid does not count.
    pub fn is_running(&self) -> bool {
        start_time(self.pid).is_ok_and(|start_time| start_time == self.start_time)
    }

    /// The endpoint of this process.
    pub(crate) fn of_this_process(url: String) -> std::io::Result<Self> {
        let pid = std::process::id();
        Ok(Self { url, pid, start_time: start_time(pid)? })
    }

    pub(crate) fn write(&self, layout: &Layout) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&layout.directory)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.persist(layout.endpoint()).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes the file, unless another process has written it since.
    pub(crate) fn remove(&self, layout: &Layout) {
        if Self::read(layout).as_ref() == Some(self)
            && let Err(error) = fs_err::remove_file(layout.endpoint())
        {
            tracing::warn!(%error, "failed to remove the endpoint's file");
        }
    }
}

/// When a process started, in clock ticks since boot. One that has ended but was not yet reaped by its parent does not count.
pub(crate) fn start_time(pid: u32) -> std::io::Result<u64> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses and may itself contain anything.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after_name.split_whitespace();
    if fields.next().is_some_and(|state| state == "Z" || state == "X") {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("process {pid} has ended")));
    }
    fields
        .nth(18)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| std::io::Error::other(format!("/proc/{pid}/stat has no start time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_and_was_not_reaped_does_not_run() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let url = "http://127.0.0.1:1".to_owned();
        let endpoint = Endpoint { url, pid: child.id(), start_time: start_time(child.id()).unwrap() };
        assert!(endpoint.is_running());
        child.kill().unwrap();
        let process = crate::vm::process::Process::open(endpoint.pid).unwrap();
        assert!(process.wait(std::time::Duration::from_mins(1)));
        assert!(!endpoint.is_running());
        child.wait().unwrap();
    }

    #[test]
    fn an_endpoint_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().to_owned(), cache: directory.path().to_owned() };
        assert_eq!(Endpoint::read(&layout), None);
        let endpoint = Endpoint::of_this_process("http://127.0.0.1:1".to_owned()).unwrap();
        assert!(endpoint.start_time > 0);
        assert!(endpoint.is_running());
        assert!(!Endpoint { start_time: endpoint.start_time - 1, ..endpoint.clone() }.is_running());
        endpoint.write(&layout).unwrap();
        assert_eq!(Endpoint::read(&layout), Some(endpoint));
    }
}
