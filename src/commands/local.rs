//! `veris local`: the cloud that runs on this machine.

pub mod pipe;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::GlobalArgs;
use crate::error::internal;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;

/// Start, stop and look at the local cloud
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris local up")]
pub struct Local {
    #[command(subcommand)]
    pub command: LocalCommand,
}

#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    #[command(hide = true)]
    Pipe(pipe::Pipe),
}

pub async fn run(args: Local, global: &GlobalArgs, printer: &Printer) -> Result<ExitStatus> {
    let _ = (args, global, printer);
    Err(internal("this command is not written yet").into())
}
