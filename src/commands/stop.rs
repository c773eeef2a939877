//! `veris stop`: an instance is shut down and keeps its disk.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::context::Context;
use crate::deploy;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::instances::{self, Chosen, State};

/// Stop an instance; its disk, its settings and the address stay
///
/// A stopped instance costs its volume alone. `veris start` has it answer again, and a roll back starts it where it needs it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris stop 1.0.0\n  veris stop --environment prod --yes")]
pub struct Stop {
    /// Instance or version; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    pub target: Option<String>,
    /// Stop what is live without being asked back; needed outside the local cloud
    #[arg(long)]
    pub yes: bool,
}

/// An instance that was started or stopped.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Switched {
    pub(super) instance_id: String,
    pub(super) version: Version,
    pub(super) state: State,
    pub(super) live: bool,
    pub(super) seconds: f64,
}

pub async fn run(args: Stop, context: &Context) -> Result<ExitStatus> {
    deploy::tidy(context).await?;
    let chosen = instances::choose(context, args.target.as_deref()).await?;
    agreed(context, &chosen, args.yes, "stop")?;
    let began = Instant::now();
    stop(context, &chosen).await?;
    let Chosen { instance, live } = chosen;
    context.printer.data(&Switched {
        instance_id: instance.instance_id,
        version: instance.version,
        state: State::Stopped,
        live,
        seconds: began.elapsed().as_secs_f64(),
    })?;
    Ok(ExitStatus::Success)
}

/// What clients use is not taken from them in an account of AWS without a word.
pub(super) fn agreed(context: &Context, chosen: &Chosen, yes: bool, verb: &str) -> Result<()> {
    if !chosen.live || yes || context.environment.is_local() {
        return Ok(());
    }
    let (environment, instance) = (&context.environment.name, &chosen.instance);
    Err(user(format!(
        "environment `{environment}`: this would {verb} {} ({}), which is live",
        instance.instance_id, instance.version
    ))
    .hint("if that is meant, run the same command with `--yes`")
    .into())
}

/// Stops it and waits until it has stopped.
pub(super) async fn stop(context: &Context, chosen: &Chosen) -> Result<()> {
    let instance = &chosen.instance;
    let mut stage = context.printer.stage(format!("Stop {} ({})", instance.instance_id, instance.version));
    if instance.state != State::Stopped {
        instances::stop(&context.clients, &instance.instance_id).await?;
        instances::wait_until_stopped(&context.clients, &instance.instance_id, context.pace.every, &mut stage).await?;
    }
    stage.done("");
    Ok(())
}

impl fmt::Display for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = if self.live { ", behind the address," } else { "" };
        writeln!(f, "{} ({}){live} is {} after {:.1} s", self.instance_id, self.version, self.state, self.seconds)
    }
}
