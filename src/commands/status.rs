//! `veris status`.

use anyhow::Result;

use crate::context::Context;
use crate::error::internal;
use crate::exit_status::ExitStatus;

/// Show what is live
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris status")]
pub struct Status {}

pub async fn run(args: Status, context: &Context) -> Result<ExitStatus> {
    let _ = (args, context);
    Err(internal("this command is not written yet").into())
}
