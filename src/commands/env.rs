//! `veris env`: the settings of the service, by name.

pub mod diff;

use anyhow::Result;
use clap::Subcommand;

use crate::context::Context;
use crate::exit_status::ExitStatus;

/// Look at the service's settings
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris env diff --env-file ./production.env")]
pub struct Env {
    #[command(subcommand)]
    pub command: EnvCommand,
}

#[derive(Debug, Subcommand)]
pub enum EnvCommand {
    Diff(diff::Diff),
}

pub async fn run(args: Env, context: &Context) -> Result<ExitStatus> {
    match args.command {
        EnvCommand::Diff(args) => diff::run(args, context).await,
    }
}
