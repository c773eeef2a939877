//! Whether guests run on KVM or are emulated. KVM is used only where it was seen to boot a kernel: the device can be there
//! and open, and a guest still hang for ever.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::firmware;
use super::machine::{PROGRAM, doubled};
use crate::parent_image::{Boot, Firmware, Parent};

/// A kernel without a root file system panics, and the machine ends, within a second where KVM works.
const TRIAL: Duration = Duration::from_secs(10);
/// Boot menus wait some seconds for a key.
const TRIAL_WITH_LOADER: Duration = Duration::from_secs(40);

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
            // All that can be emulated, without what costs most where it is: more page tables, switches around each access to a program's
            // memory, and instructions that copy byte by byte.
            Self::Tcg => "max,-smap,-smep,-umip,-pku,-la57,-erms,-fsrm",
        }
    }

    /// What the kernel is told of it. Emulated code is translated for the address where it lies, so with random addresses each program that
    /// starts is translated anew, which takes a tenth of a second; and pages would be filled with zeros that nobody reads.
    pub(super) fn kernel_options(self) -> &'static str {
        match self {
            Self::Kvm => "",
            Self::Tcg => " norandmaps init_on_alloc=0",
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
        let verdict = Verdict { guest: parent.digest.clone(), host, kvm: boots_with_kvm(parent).await };
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
    /// Digest of the parent image that was booted.
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

async fn boots_with_kvm(parent: &Parent) -> bool {
    match &parent.boot {
        Boot::Kernel { kernel, .. } => kernel_boots(kernel).await,
        Boot::Loader(firmware) => disk_boots(&parent.disk, *firmware).await,
    }
}

/// A machine under KVM whose console is standard output.
fn trial() -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults", "-no-user-config"]);
    command.args(["-display", "none", "-no-reboot", "-serial", "stdio"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// When the deadline passes, the child is dropped and with that killed.
async fn kernel_boots(kernel: &Path) -> bool {
    let mut command = trial();
    command.args(["-append", "console=ttyS0 panic=-1", "-kernel"]).arg(kernel);
    let Ok(child) = command.spawn() else { return false };
    let ended = tokio::time::timeout(TRIAL, child.wait_with_output()).await;
    matches!(ended, Ok(Ok(output)) if output.status.success() && greets(&output.stdout))
}

/// The disk's own loader starts its kernel, which is let go as soon as it speaks. Nothing is written to the disk.
async fn disk_boots(disk: &Path, firmware: Firmware) -> bool {
    let mut command = trial();
    if firmware == Firmware::Uefi {
        let Some(uefi) = firmware::find() else { return false };
        command.arg("-drive").arg(drive("if=pflash,unit=0,format=raw,readonly=on", &uefi.code));
        command.arg("-drive").arg(drive("if=pflash,unit=1,format=raw,snapshot=on", &uefi.variables));
    }
    command.arg("-drive").arg(drive("if=none,id=root,format=qcow2,snapshot=on", disk));
    command.args(["-device", "virtio-blk-pci,drive=root", "-device", "VGA"]);
    let Ok(mut child) = command.spawn() else { return false };
    let Some(mut console) = child.stdout.take() else { return false };
    let spoken = async {
        let mut text = Vec::new();
        while !greets(&text) {
            if console.read_buf(&mut text).await.unwrap_or(0) == 0 {
                return false;
            }
        }
        true
    };
    let spoke = tokio::time::timeout(TRIAL_WITH_LOADER, spoken).await.unwrap_or(false);
    // It may have ended by itself.
    let _ = child.kill().await;
    spoke
}

fn drive(options: &str, file: &Path) -> OsString {
    let mut drive = OsString::from(format!("{options},file="));
    drive.push(doubled(file.as_os_str().as_encoded_bytes()));
    drive
}

/// Whether a kernel has said its first line.
fn greets(console: &[u8]) -> bool {
    String::from_utf8_lossy(console).contains("Linux version")
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
        assert!(!kernel_boots(Path::new("/dev/null")).await);
        assert!(!disk_boots(Path::new("/dev/null"), Firmware::Bios).await);
    }
}
