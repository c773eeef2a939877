//! `veris images`.

use anyhow::Result;

use crate::context::Context;
use crate::error::internal;
use crate::exit_status::ExitStatus;

/// List the baked versions
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris images")]
pub struct Images {}

pub async fn run(args: Images, context: &Context) -> Result<ExitStatus> {
    let _ = (args, context);
    Err(internal("this command is not written yet").into())
}
