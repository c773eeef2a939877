//! `veris demo`: the whole story with two versions, and a timeline at its end.

use anyhow::Result;

use crate::cli::GlobalArgs;
use crate::error::internal;
use crate::exit_status::ExitStatus;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// Show the whole story in the local cloud: bake, launch, chat, bake again, launch, roll back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris demo")]
pub struct Demo {}

pub async fn run(args: Demo, global: &GlobalArgs, printer: &Printer, interrupt: &Interrupt) -> Result<ExitStatus> {
    let _ = (args, global, printer, interrupt);
    Err(internal("this command is not written yet").into())
}
