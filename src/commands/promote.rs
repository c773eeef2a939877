//! `veris promote`: an instance that was launched without the address gets it.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use super::launch::plan_of;
use crate::context::Context;
use crate::deploy::{self, Options, Plan, Scene, Settings, deploy};
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::instances::{Instance, State};
use crate::ledger::{Keep, Kind, Origin, Served, Target, Task};

/// Put an instance behind the address that `veris launch --no-promote` left waiting
///
/// It is proven again, as a launch does it, before the address moves, and watched afterwards.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  veris promote\n  veris promote 1.2.0 --reason 'tests passed'\n  \
                        veris promote i-0123456789abcdef0")]
pub struct Promote {
    /// Version or instance; by default the newest instance that has never served
    #[arg(value_name = "VERSION|INSTANCE")]
    pub target: Option<String>,
    /// Seconds the service may take until it answers
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// Seconds to watch it behind the address before it counts as live; by default 30, and 2 in the local cloud
    #[arg(long, value_name = "SECONDS")]
    pub soak: Option<u64>,
    /// What becomes of the instance that served before
    #[arg(long, value_name = "HOW", default_value = "stopped")]
    pub keep: Keep,
    /// Ask it no question before the address moves
    #[arg(long)]
    pub no_chat: bool,
    /// Why, for `veris history`
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Promote although somebody moved the address by hand
    #[arg(long)]
    pub force: bool,
}

/// What is live now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Promoted {
    pub deployment: u32,
    pub url: String,
    pub service: String,
    pub version: Version,
    pub instance_id: String,
    pub seconds: f64,
    pub previous: Option<Served>,
}

pub async fn run(args: Promote, context: &Context) -> Result<ExitStatus> {
    context.printer.data(&Box::pin(promote(&args, context)).await?)?;
    Ok(ExitStatus::Success)
}

/// Promotes and answers what is live then.
pub async fn promote(args: &Promote, context: &Context) -> Result<Promoted> {
    let options = Options {
        kind: Kind::Promote,
        reason: args.reason.clone(),
        timeout: Duration::from_secs(args.timeout),
        soak: deploy::soak(context, args.soak),
        chat: !args.no_chat,
    };
    let deployed = Box::pin(deploy(context, &options, |scene| plan(args, scene))).await?;
    deploy::warn(context, &deployed);
    let task = plan_of(&deployed.record);
    Ok(Promoted {
        deployment: deployed.record.number,
        url: deployed.url,
        service: context.recipe.service.to_string(),
        version: task.to.version,
        instance_id: deployed.instance_id,
        seconds: deployed.seconds,
        previous: task.from,
    })
}

fn plan(args: &Promote, scene: &Scene) -> Result<Plan, Failure> {
    let chosen = choose(args.target.as_deref(), scene)?;
    let origin = if chosen.state == State::Stopped { Origin::Stopped } else { Origin::Running };
    let to = Target::of(&chosen.image(), origin, Some(chosen.instance_id.clone()));
    let task = Task { from: scene.from(args.force)?, to, promote: true, keep: args.keep };
    Ok(Plan { task, settings: Settings::None })
}

fn choose<'a>(target: Option<&str>, scene: &'a Scene) -> Result<&'a Instance, Failure> {
    let version = target.and_then(|target| target.parse::<Version>().ok());
    let is_asked = |instance: &&Instance| match target {
        None => instance.promoted_at.is_none(),
        Some(target) => instance.instance_id == target || Some(&instance.version) == version.as_ref(),
    };
    let usable = |instance: &&Instance| {
        matches!(instance.state, State::Running | State::Stopped) && scene.holder() != Some(&instance.instance_id)
    };
    scene.instances.iter().rev().filter(usable).find(is_asked).ok_or_else(|| {
        let what =
            target.map_or("no instance that has never served".to_owned(), |target| format!("no instance `{target}`"));
        user(format!("{what} of {} waits in environment `{}`", scene.service, scene.environment))
            .hint("`veris launch --no-promote` makes one; `veris status` lists those that are kept")
    })
}

impl fmt::Display for Promoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} is live at {}", self.service, self.version, self.url)?;
        writeln!(f, "  instance    {}", self.instance_id)?;
        writeln!(f, "  deployment  {}", self.deployment)?;
        writeln!(f, "  seconds     {:.1}", self.seconds)
    }
}
