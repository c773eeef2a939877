//! `veris launch`.

use anyhow::Result;

use crate::context::Context;
use crate::error::internal;
use crate::exit_status::ExitStatus;

/// Launch an image and put it behind the address
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris launch")]
pub struct Launch {}

pub async fn run(args: Launch, context: &Context) -> Result<ExitStatus> {
    let _ = (args, context);
    Err(internal("this command is not written yet").into())
}
