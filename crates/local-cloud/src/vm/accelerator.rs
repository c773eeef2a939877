//! Whether guests run on KVM or are emulated. KVM is used only where it was seen to boot a kernel: the device can be there
//! and open, and a guest still hang for ever.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::machine::PROGRAM;
use crate::parent_image::Parent;

/// A kernel without a root file system panics, and the machine ends, within a second where KVM works.
const TRIAL: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    Kvm,
    /// QEMU's emulation, which works everywhere and is some ten times slower.
    Tcg,
}

impl Accelerator {
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg,thread=multi,tb-size=512",
        }
    }

    pub(super) fn processor(self) -> &'static str {
        match self {
            Self::Kvm => "host",
            Self::Tcg => "max",
        }
    }

    /// Answers what works here; from the cache where it was tried before with this kernel on this host's kernel.
    pub(crate) async fn find(cache: &Path, parent: &Parent) -> Self {
        if std::fs::File::options().read(true).write(true).open("/dev/kvm").is_err() {
            return Self::Tcg;
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        let file = cache.join("accelerator.json");
        let known = fs_err::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Verdict>(&bytes).ok());
        if let Some(known) = known.filter(|known| known.guest == parent.digest && known.host == host) {
            return known.accelerator();
        }
        let verdict = Verdict { guest: parent.digest.clone(), host, kvm: boots_with_kvm(&parent.kernel).await };
        tracing::info!(kvm = verdict.kvm, "tried whether KVM boots a guest here");
        // Without the file the trial is merely repeated.
        if let Err(error) = write(&file, &verdict) {
            tracing::warn!(%error, "failed to remember whether KVM works");
        }
        verdict.accelerator()
    }
}

/// What is remembered.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verdict {
    /// Digest of the parent image whose kernel was booted.
    guest: String,
    /// Release of the host's kernel.
    host: String,
    kvm: bool,
}

impl Verdict {
    fn accelerator(&self) -> Accelerator {
        if self.kvm { Accelerator::Kvm } else { Accelerator::Tcg }
    }
}

async fn boots_with_kvm(kernel: &Path) -> bool {
    let mut command = Command::new(PROGRAM);
    command.args(["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-no-user-config"]);
    command.args([
        "-display",
        "none",
        "-no-reboot",
        "-serial",
        "stdio",
        "-append",
        "console=ttyS0 panic=-1",
        "-kernel",
    ]);
    command.arg(kernel).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(child) = command.spawn() else { return false };
    // When the deadline passes, the child is dropped and with that killed.
    let ended = tokio::time::timeout(TRIAL, child.wait_with_output()).await;
    let says_hello = |output: &[u8]| String::from_utf8_lossy(output).contains("Linux version");
    matches!(ended, Ok(Ok(output)) if output.status.success() && says_hello(&output.stdout))
}

fn write(file: &Path, verdict: &Verdict) -> std::io::Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    serde_json::to_writer_pretty(&mut temporary, verdict)?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_kernel_proves_nothing() {
        assert!(!boots_with_kvm(Path::new("/dev/null")).await);
    }
}
