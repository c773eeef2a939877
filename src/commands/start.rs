//! `veris start`: a stopped instance runs again, and its service answers.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::stop::Switched;
use crate::context::Context;
use crate::deploy;
use crate::error::cloud;
use crate::exit_status::ExitStatus;
use crate::health::{self, Endpoint};
use crate::instances::{self, Chosen, State};
use crate::wait::Patience;

/// Start a stopped instance, and wait until its service answers
///
/// It has the settings that it was launched with. Who is behind the address does not change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris start\n  veris start 1.0.0")]
pub struct Start {
    /// Instance or version; by default the one behind the address
    #[arg(value_name = "INSTANCE|VERSION")]
    pub target: Option<String>,
    /// Seconds the service may take until it answers
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
}

pub async fn run(args: Start, context: &Context) -> Result<ExitStatus> {
    deploy::tidy(context).await?;
    let chosen = instances::choose(context, args.target.as_deref()).await?;
    let began = Instant::now();
    start(context, &chosen, args.timeout).await?;
    context.printer.data(&running(chosen, began))?;
    Ok(ExitStatus::Success)
}

pub(super) fn running(chosen: Chosen, began: Instant) -> Switched {
    let Chosen { instance, live } = chosen;
    Switched {
        instance_id: instance.instance_id,
        version: instance.version,
        state: State::Running,
        live,
        seconds: began.elapsed().as_secs_f64(),
    }
}

/// Starts it, and waits until its service answers as the image that it was launched from.
pub(super) async fn start(context: &Context, chosen: &Chosen, timeout: u64) -> Result<()> {
    let (clients, every) = (&context.clients, context.pace.every);
    let id = &chosen.instance.instance_id;
    let mut stage = context.printer.stage(format!("Start {id} ({})", chosen.instance.version));
    let instance = match chosen.instance.state {
        State::Running | State::Pending => instances::wait_until_running(clients, id, every, &mut stage).await?,
        _ => instances::start(clients, id, every, &mut stage).await?,
    };
    stage.done("");
    let address = instance.public_ip.ok_or_else(|| {
        cloud(format!("instance {id} runs, but has no public address on which its service could be looked at"))
    })?;
    let endpoint = Endpoint { address, port: context.recipe.port };
    let mut stage = context.printer.stage(format!("Wait until {} answers", endpoint.url()));
    let patience = Patience { deadline: Duration::from_secs(timeout), every, streak: 3 };
    health::wait(endpoint, &instance.image(), patience, &mut stage).await?;
    stage.done("");
    Ok(())
}
