//! Installs the programs the local cloud needs, where apt can.

use std::process::Stdio;

use anyhow::Result;
use local_cloud::layout::Layout;
use tokio::process::Command;

use crate::error::{Failure, internal};
use crate::local;
use crate::local::requirements::{self, Requirement};
use crate::printer::Printer;
use crate::process;

/// Installing one package can remove another on some hosts, so what is missing is looked up again, at most this often.
const ROUNDS: usize = 4;

/// Installs what is missing, after saying so. Whether anything was installed.
pub async fn prepare(layout: &Layout, printer: &Printer) -> Result<bool> {
    let parent = local::parent::next(layout)?;
    let mut missing = requirements::missing(layout, &parent);
    if missing.is_empty() {
        return Ok(false);
    }
    if !requirements::is_debian() {
        return Err(lacks(&missing).into());
    }
    let packages: Vec<_> = missing.iter().map(|requirement| requirement.package).collect();
    printer.talk(format_args!("This machine lacks {}; installing with apt.", packages.join(", ")));
    let root = rustix::process::geteuid().is_root();
    if !root {
        ask_for_password().await?;
    }
    install(root, &["update"], "Update apt's lists", printer).await?;
    for _ in 0..ROUNDS {
        let Some(next) = missing.first() else { break };
        let package = next.package;
        let arguments = ["install", "-y", package];
        install(root, &arguments, &format!("Install {package}"), printer).await?;
        missing = requirements::missing(layout, &parent);
    }
    if missing.is_empty() { Ok(true) } else { Err(lacks(&missing).into()) }
}

async fn install(root: bool, arguments: &[&str], name: &str, printer: &Printer) -> Result<()> {
    let stage = printer.stage(name);
    let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
    if !root {
        command.args(["--non-interactive", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=120"]).args(arguments);
    process::run(command).await?;
    stage.done("");
    Ok(())
}

/// sudo asks on the terminal; no progress indicator may be drawn meanwhile.
async fn ask_for_password() -> Result<()> {
    let asked = Command::new("sudo").arg("--validate").stdout(Stdio::null()).status().await;
    match asked {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(internal(format!("sudo was refused ({status})"))
            .hint("run the demo as root, or install the packages yourself")
            .into()),
        Err(error) => Err(internal("failed to run sudo").hint("run the demo as root").source(error).into()),
    }
}

fn lacks(missing: &[Requirement]) -> Failure {
    let programs: Vec<_> = missing.iter().map(|requirement| format!("`{}`", requirement.program)).collect();
    internal(format!("the local cloud needs {}, which this machine lacks", programs.join(", ")))
        .hint(requirements::cure(missing))
}
