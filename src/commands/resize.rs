//! `veris resize`: an instance becomes another type.

mod plan;

use std::fmt;
use std::time::Instant;

use anyhow::{Error, Result};
use semver::Version;
use serde::Serialize;

use self::plan::Plan;
use super::start::start;
use super::stop::agreed;
use crate::context::Context;
use crate::deploy;
use crate::error::{Failure, cloud};
use crate::exit_status::ExitStatus;
use crate::instances::{self, Chosen, Instance, Kind, State};

/// Seconds for the service on the type on which it has answered before, however short the user's patience with the new one was.
const KEPT: u64 = 600;

/// Give an instance another type: stop it, change it, and start it again
///
/// Its disk, its settings and the address stay. Clients are not served meanwhile: a `veris launch` with another `instance_type` in the
/// recipe changes the type without a gap. Where there is no machine of the type, or the service does not answer on it, the instance
/// gets its old type back. What was stopped before stays stopped, unless it is live.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris resize t3.large --dry-run\n  veris resize t3.large --environment prod --yes")]
pub struct Resize {
    /// The new type, such as t3.large
    #[arg(value_name = "TYPE")]
    pub to: String,
    /// Instance or version; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    pub target: Option<String>,
    /// Seconds the service may take until it answers
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stop what is live without being asked back; needed outside the local cloud
    #[arg(long)]
    pub yes: bool,
}

/// An instance that has its new type.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resized {
    instance_id: String,
    version: Version,
    from: Kind,
    to: Kind,
    /// False where it was of this type already.
    changed: bool,
    state: State,
    live: bool,
    seconds: f64,
}

pub async fn run(args: Resize, context: &Context) -> Result<ExitStatus> {
    if !args.dry_run {
        deploy::tidy(context).await?;
    }
    let chosen = instances::choose(context, args.target.as_deref()).await?;
    let plan = Plan::make(context, &chosen, &args.to, args.timeout).await?;
    if args.dry_run {
        context.printer.data(&plan)?;
        return Ok(ExitStatus::Success);
    }
    let began = Instant::now();
    if !plan.steps.is_empty() {
        agreed(context, &chosen, args.yes, "stop and resize")?;
        resize(context, &chosen, &plan, args.timeout).await?;
        tell_the_next_launch(context, &plan);
    }
    let Plan { instance_id, version, from, to, live, .. } = plan;
    let state = if plan.runs_afterwards { State::Running } else { State::Stopped };
    let (changed, seconds) = (from != to, began.elapsed().as_secs_f64());
    context.printer.data(&Resized { instance_id, version, from, to, changed, state, live, seconds })?;
    Ok(ExitStatus::Success)
}

/// Changes the type, or leaves the instance with the one that it had.
async fn resize(context: &Context, chosen: &Chosen, plan: &Plan, timeout: u64) -> Result<()> {
    instances::may_change_kind(&context.clients, &plan.instance_id, &plan.to.name).await?;
    // From here on a Ctrl-C is answered by putting the old type back.
    let shield = context.interrupt.shield();
    let forward = async {
        let mut state = chosen.instance.state;
        if plan.from != plan.to || state == State::Stopping {
            still(context, &chosen.instance).await?;
            state = State::Stopped;
        }
        if plan.from != plan.to {
            become_kind(context, plan, &plan.to).await?;
        }
        if plan.runs_afterwards { start(context, &in_state(chosen, state), timeout).await } else { Ok(()) }
    };
    let Err(problem) = shield.run(forward).await else { return Ok(()) };
    // Of the same type there is nothing to go back to.
    if plan.from == plan.to {
        return Err(problem);
    }
    match put_back(context, chosen, plan).await {
        Ok(()) => {
            let (id, kind) = (&plan.instance_id, &plan.from.name);
            let now = if plan.runs_afterwards { "serves as before" } else { "is stopped as before" };
            Err(problem.context(format!("the resize failed; instance {id} is a {kind} and {now}")))
        }
        Err(error) => Err(problem.context(stuck(plan, &error))),
    }
}

async fn become_kind(context: &Context, plan: &Plan, kind: &Kind) -> Result<()> {
    let stage = context.printer.stage(format!("Make {} a {}", plan.instance_id, kind.name));
    instances::change_kind(&context.clients, &plan.instance_id, &kind.name).await?;
    stage.done("");
    Ok(())
}

/// Wherever it was left: EC2 alone knows how far it came.
async fn put_back(context: &Context, chosen: &Chosen, plan: &Plan) -> Result<()> {
    let (clients, id) = (&context.clients, &plan.instance_id);
    let found = instances::get(clients, id).await?;
    let now = found.ok_or_else(|| cloud(format!("EC2 does not show instance {id}")))?;
    let mut state = now.state;
    if now.instance_type != plan.from.name {
        still(context, &now).await?;
        become_kind(context, plan, &plan.from).await?;
        state = State::Stopped;
    } else if state == State::Stopping {
        still(context, &now).await?;
        state = State::Stopped;
    }
    if plan.runs_afterwards { start(context, &in_state(chosen, state), KEPT).await } else { Ok(()) }
}

/// Brings it to a stop from whatever it is doing. EC2 does not stop an instance that is still pending.
async fn still(context: &Context, instance: &Instance) -> Result<()> {
    let (clients, every, id) = (&context.clients, context.pace.every, &instance.instance_id);
    let mut stage = context.printer.stage(format!("Stop {id} ({})", instance.version));
    if instance.state == State::Pending {
        // One that does not come to run has stopped, which is as good here.
        let running = instances::wait_until_running(clients, id, every, &mut stage).await;
        if let Err(error) = running {
            tracing::info!("{error:#}");
        }
    }
    if !matches!(instances::get(clients, id).await?.map(|it| it.state), Some(State::Stopping | State::Stopped)) {
        instances::stop(clients, id).await?;
    }
    instances::wait_until_stopped(clients, id, every, &mut stage).await?;
    stage.done("");
    Ok(())
}

fn in_state(chosen: &Chosen, state: State) -> Chosen {
    Chosen { instance: Instance { state, ..chosen.instance.clone() }, live: chosen.live }
}

fn stuck(plan: &Plan, error: &Error) -> Failure {
    let (id, kind) = (&plan.instance_id, &plan.from.name);
    cloud(format!("the resize failed, and instance {id} could not be put back to {kind}: {error:#}")).hint(format!(
        "`veris resize {kind} {id}` tries it again; where that is no use, `veris launch --force` replaces the instance"
    ))
}

/// The recipe decides of what type the next instance is.
fn tell_the_next_launch(context: &Context, plan: &Plan) {
    let environment = &context.environment;
    let (wanted, kind) = (&environment.instance_types.first, &plan.to.name);
    if !environment.is_local() && wanted != kind {
        let name = &environment.name;
        context.printer.talk(format_args!(
            "The next launch runs a {wanted} again: write {kind} into the recipe, at `environments.{name}`, to keep it."
        ));
    }
}

impl fmt::Display for Resized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = if self.live { ", behind the address," } else { "" };
        let (id, version, from, to) = (&self.instance_id, &self.version, &self.from, &self.to);
        if !self.changed {
            return writeln!(f, "{id} ({version}){live} is a {to} already, and {}", self.state);
        }
        writeln!(
            f,
            "{id} ({version}){live} is a {to}, no longer a {from}, and {}, after {:.1} s",
            self.state, self.seconds
        )
    }
}
