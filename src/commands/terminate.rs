//! `veris terminate`.

use anyhow::Result;

use crate::context::Context;
use crate::error::internal;
use crate::exit_status::ExitStatus;

/// Terminate instances that are no longer wanted
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris terminate")]
pub struct Terminate {}

pub async fn run(args: Terminate, context: &Context) -> Result<ExitStatus> {
    let _ = (args, context);
    Err(internal("this command is not written yet").into())
}
