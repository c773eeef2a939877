//! `veris restart`: an instance is stopped and started again.

use std::time::Instant;

use anyhow::Result;

use super::start::{running, start};
use super::stop::{agreed, stop};
use crate::context::Context;
use crate::deploy;
use crate::exit_status::ExitStatus;
use crate::instances;

/// Stop an instance and start it again, and wait until its service answers
///
/// Its disk, its settings and the address stay. Clients are not served meanwhile: `veris launch --force` puts a new instance of the
/// same version in its place without a gap.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris restart\n  veris restart 1.0.0")]
pub struct Restart {
    /// Instance or version; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    pub target: Option<String>,
    /// Seconds the service may take until it answers
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// Restart what is live without being asked back; needed outside the local cloud
    #[arg(long)]
    pub yes: bool,
}

pub async fn run(args: Restart, context: &Context) -> Result<ExitStatus> {
    deploy::tidy(context).await?;
    let mut chosen = instances::choose(context, args.target.as_deref()).await?;
    agreed(context, &chosen, args.yes, "restart")?;
    let began = Instant::now();
    stop(context, &chosen).await?;
    chosen.instance.state = instances::State::Stopped;
    start(context, &chosen, args.timeout).await?;
    context.printer.data(&running(chosen, began))?;
    Ok(ExitStatus::Success)
}
