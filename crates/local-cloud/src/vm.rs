//! QEMU: one process for each running guest, on its own when the control plane ends.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

pub(crate) mod accelerator;
pub(crate) mod disk;
pub(crate) mod extents;
pub(crate) mod firmware;
pub(crate) mod machine;
pub(crate) mod process;
pub(crate) mod qmp;
pub(crate) mod saved;

use crate::fault::Fault;
use machine::Machine;
use process::Process;
use qmp::Qmp;

/// How long QEMU may take until it answers its monitor.
const START: Duration = Duration::from_secs(30);

/// Why a guest could not be started or reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VmError {
    #[error("this machine has no `{program}`; on Debian or Ubuntu: sudo apt-get install --yes {package}")]
    Missing { program: &'static str, package: &'static str },
    #[error(
        "the image boots by UEFI, and this machine has no UEFI firmware for QEMU that goes without Secure Boot; on Debian or \
         Ubuntu: sudo apt-get install --yes ovmf"
    )]
    Firmware,
    #[error("`{program}` failed: {output}")]
    Program { program: &'static str, output: String },
    #[error("QEMU did not answer its monitor in {} seconds", START.as_secs())]
    Silent,
    #[error("QEMU's monitor refused `{command}`: {answer}")]
    Monitor { command: String, answer: String },
    #[error("failed to {attempt}")]
    Io { attempt: &'static str, source: io::Error },
}

impl VmError {
    /// As the answer to whoever asked for the guest.
    pub(crate) fn fault(self) -> Fault {
        let cause = self.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Fault::internal(format!("{self}{cause}"))
    }
}

/// A guest whose QEMU answers. The child is kept so that its end is collected.
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) child: Child,
}

/// Starts a guest and waits until QEMU answers its monitor.
pub(crate) async fn start(machine: &Machine<'_>) -> Result<Started, VmError> {
    let failed = |attempt| move |source| VmError::Io { attempt, source };
    let log_path = machine.directory.join("qemu.log");
    let log = fs_err::File::create(&log_path).map_err(failed("make QEMU's log"))?;
    let mut command = Command::new(machine::PROGRAM);
    command.args(machine.arguments()).current_dir(machine.directory);
    // A process group of its own: Ctrl-C in the terminal of whoever started the cloud does not reach the guest.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.into_file());
    let mut child = command.spawn().map_err(|error| missing_or(error, machine::PROGRAM, "qemu-system-x86"))?;
    let process = child.id().and_then(Process::open);
    match wait_for_monitor(machine.directory, &mut child).await {
        Ok(()) => {
            let process = process.ok_or_else(|| exited(&log_path))?;
            Ok(Started { process, child })
        }
        Err(error) => {
            // It may have ended by itself already.
            let _ = child.kill().await;
            Err(error.unwrap_or_else(|| exited(&log_path)))
        }
    }
}

/// Fails with `None` when QEMU has ended.
async fn wait_for_monitor(directory: &Path, child: &mut Child) -> Result<(), Option<VmError>> {
    let deadline = Instant::now() + START;
    loop {
        let waiting = tokio::time::timeout(Duration::from_millis(25), child.wait());
        if waiting.await.is_ok() {
            return Err(None);
        }
        if let Ok(mut qmp) = Qmp::connect(directory).await {
            return qmp.execute("query-status", None).await.map(|_| ()).map_err(Some);
        }
        if Instant::now() > deadline {
            return Err(Some(VmError::Silent));
        }
    }
}

fn exited(log: &Path) -> VmError {
    let output = fs_err::read_to_string(log).unwrap_or_default();
    let output = output.trim();
    let output = if output.is_empty() { "it ended at once and said nothing" } else { output };
    VmError::Program { program: machine::PROGRAM, output: output.to_owned() }
}

/// A program that is not there has a cure of its own.
fn missing_or(source: io::Error, program: &'static str, package: &'static str) -> VmError {
    match source.kind() {
        io::ErrorKind::NotFound => VmError::Missing { program, package },
        _ => VmError::Io { attempt: "start a program of QEMU's", source },
    }
}
