//! The end of a local cloud, also of one whose processes were killed: nothing of it runs or listens afterwards.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::endpoint::{Endpoint, start_time};
use crate::fault::Fault;
use crate::layout::Layout;
use crate::parent_image;
use crate::state::{InstanceState, State};
use crate::store::{Store, StoreError};
use crate::vm::process::{Process, guests_below};
use crate::vm::qmp;

/// How long the control plane may take to finish the requests under way.
const CONTROL_PLANE: Duration = Duration::from_secs(10);
/// How long guests may take to shut down; one that is still booting does not hear its power button.
const GUESTS: Duration = Duration::from_secs(15);
/// How long QEMU may take to write what it holds of the disks.
const FLUSH: Duration = Duration::from_secs(5);

/// What was still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Whether the control plane ran.
    pub control_plane: bool,
    /// How many guests ran.
    pub guests: usize,
}

/// Why something may still be there.
#[derive(Debug, thiserror::Error)]
pub enum DownError {
    #[error("failed to look for the local cloud's processes")]
    Look(#[source] io::Error),
    #[error("a local cloud is just starting in `{directory}`; try again when it is up")]
    Starting { directory: PathBuf },
    #[error("failed to end the local cloud's process {what}")]
    End { what: String, source: io::Error },
    #[error("the local cloud's process {what} does not end, not even when it is killed")]
    Stuck { what: String },
    #[error("failed to remove what the local cloud left in `{directory}`")]
    Remove { directory: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("failed to write down that the instances are stopped: {0}")]
    State(Fault),
}

/// Ends the control plane and the guests, and removes their sockets and temporary files. Disks and state stay.
pub fn sweep(layout: &Layout) -> Result<Swept, DownError> {
    let layout = &layout.clone().canonical();
    // The control plane first: it would take the end of a guest for a failure.
    let control_plane = end_control_plane(layout)?;
    let _lock = lock(layout)?;
    let guests = end_guests(&layout.directory.join("instances"))?;
    let removed = remove_traces(layout).and_then(|()| parent_image::sweep(&layout.cache));
    removed.map_err(|source| DownError::Remove { directory: layout.directory.clone(), source })?;
    if layout.state().exists() {
        let store = Store::open(layout.state())?;
        store.change(mark_stopped).map_err(DownError::State)?;
    }
    Ok(Swept { control_plane, guests })
}

fn end_control_plane(layout: &Layout) -> Result<bool, DownError> {
    let Some(endpoint) = Endpoint::read(layout) else { return Ok(false) };
    let Some(process) = Process::open(endpoint.pid) else { return Ok(false) };
    // Held first and compared afterwards: a pid that was given to another process has another start.
    if start_time(endpoint.pid).ok() != Some(endpoint.start_time) || !process.is_alive() {
        return Ok(false);
    }
    let what = format!("{} (the control plane)", endpoint.pid);
    end(&process, CONTROL_PLANE, &what)?;
    Ok(true)
}

/// Keeps a control plane from starting in the middle; `None` where there is no directory for it to start in.
fn lock(layout: &Layout) -> Result<Option<File>, DownError> {
    let Ok(directory) = File::open(&layout.directory) else { return Ok(None) };
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Err(DownError::Starting { directory: layout.directory.clone() }),
        Err(TryLockError::Error(error)) => Err(DownError::Look(error)),
    }
}

fn end_guests(instances: &Path) -> Result<usize, DownError> {
    let guests = guests_below(instances).map_err(DownError::Look)?;
    for (directory, _) in &guests {
        if let Err(error) = qmp::press_power_button(directory) {
            tracing::debug!(%error, directory = %directory.display(), "failed to press a power button");
        }
    }
    let deadline = Instant::now() + GUESTS;
    for (_, process) in &guests {
        process.wait(deadline.saturating_duration_since(Instant::now()));
    }
    for (directory, process) in &guests {
        if process.is_alive() {
            let name = directory.file_name().unwrap_or_default().display();
            end(process, FLUSH, &format!("of the guest {name}"))?;
        }
    }
    Ok(guests.len())
}

fn end(process: &Process, grace: Duration, what: &str) -> Result<(), DownError> {
    let failed = |source| DownError::End { what: what.to_owned(), source };
    process.signal(Signal::TERM).map_err(failed)?;
    if process.wait(grace) {
        return Ok(());
    }
    process.signal(Signal::KILL).map_err(failed)?;
    if process.wait(FLUSH) { Ok(()) } else { Err(DownError::Stuck { what: what.to_owned() }) }
}

fn remove_traces(layout: &Layout) -> io::Result<()> {
    let files = [layout.endpoint(), layout.guest_socket()];
    files.iter().try_for_each(|file| remove(file))?;
    for path in entries(&layout.directory.join("instances"))? {
        for name in [qmp::SOCKET, "qemu.pid"] {
            remove(&path.join(name))?;
        }
    }
    // Files that were to be renamed when their writer was killed.
    for path in entries(&layout.directory)? {
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".tmp")) && path.is_file() {
            remove(&path)?;
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs_err::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs_err::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What was going on has stopped. A termination that was under way is finished by the next start.
#[expect(clippy::unnecessary_wraps, reason = "it is a change of the state, as the store wants it")]
fn mark_stopped(state: &mut State) -> Result<(), Fault> {
    for instance in state.instances.values_mut() {
        if matches!(instance.state, InstanceState::Pending | InstanceState::Running | InstanceState::Stopping) {
            instance.state = InstanceState::Stopped;
            let message = "Server.ScheduledStop: The local cloud was taken down";
            instance.state_reason = Some(("Server.ScheduledStop".to_owned(), message.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_there_is_nothing_to_sweep() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().join("cloud"), cache: directory.path().join("cache") };
        assert_eq!(sweep(&layout).unwrap(), Swept { control_plane: false, guests: 0 });
        assert!(!layout.directory.exists());
    }

    #[test]
    fn a_pid_that_belongs_to_somebody_else_by_now_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().to_owned(), cache: directory.path().to_owned() };
        let stale = Endpoint { url: "http://127.0.0.1:1".into(), pid: std::process::id(), start_time: 1 };
        stale.write(&layout).unwrap();
        fs_err::write(directory.path().join(".tmpAbCdEf"), "half").unwrap();
        assert_eq!(sweep(&layout).unwrap(), Swept { control_plane: false, guests: 0 });
        assert_eq!(entries(directory.path()).unwrap(), Vec::<PathBuf>::new());
    }
}
