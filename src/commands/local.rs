//! `veris local`: the cloud that runs on this machine.

pub mod down;
pub mod env;
pub mod pipe;
pub mod serve;
pub mod status;
pub mod up;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::GlobalArgs;
use crate::exit_status::ExitStatus;
use crate::interrupt::Interrupt;
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
    Up(up::Up),
    Down(down::Down),
    Status(status::Status),
    Env(env::Env),
    #[command(hide = true)]
    Serve(serve::Serve),
    #[command(hide = true)]
    Pipe(pipe::Pipe),
}

pub async fn run(args: Local, global: &GlobalArgs, printer: &Printer, interrupt: &Interrupt) -> Result<ExitStatus> {
    match args.command {
        LocalCommand::Up(args) => up::run(&args, global, printer).await,
        LocalCommand::Down(args) => down::run(&args, printer).await,
        LocalCommand::Status(args) => status::run(&args, printer).await,
        LocalCommand::Env(args) => env::run(&args, printer).await,
        LocalCommand::Serve(args) => serve::run(args, interrupt).await,
        LocalCommand::Pipe(args) => Ok(pipe::run(&args)),
    }
}
