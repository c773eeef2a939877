//! `veris rollback`.

use anyhow::Result;

use crate::context::Context;
use crate::error::internal;
use crate::exit_status::ExitStatus;

/// Put the previous version back behind the address
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris rollback")]
pub struct Rollback {}

pub async fn run(args: Rollback, context: &Context) -> Result<ExitStatus> {
    let _ = (args, context);
    Err(internal("this command is not written yet").into())
}
