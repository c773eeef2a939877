//! `veris rollback`: the version that served before is put back behind the address.

mod candidate;

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use self::candidate::Candidate;
use super::launch::plan_of;
use crate::context::Context;
use crate::deploy::{self, Options, Plan, Scene, Settings, deploy};
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::instances::State;
use crate::ledger::{Keep, Kind, Origin, Target, Task};

/// Put the previous version back behind the address
///
/// An instance that is still kept takes over within seconds; a stopped one is started first. When none is kept, the image
/// of the previous version is launched with the settings of the live instance.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris rollback\n  veris rollback 1.0.0 --reason 'answers are cut off'")]
pub struct Rollback {
    /// Version to return to; by default the one that served before
    #[arg(value_name = "VERSION")]
    pub version: Option<Version>,
    /// Seconds the service may take until it answers, where it has to be started or launched
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// Seconds to watch it behind the address before the roll back has ended
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub soak: u64,
    /// What becomes of the instance that is left
    #[arg(long, value_name = "HOW", default_value = "running")]
    pub keep: Keep,
    /// Why, for `veris history`
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Roll back although somebody moved the address by hand
    #[arg(long)]
    pub force: bool,
}

/// Who served before, and who serves now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolledBack {
    /// Number of the deployment in `veris history`.
    pub deployment: u32,
    pub url: String,
    pub service: String,
    pub from: Option<Side>,
    pub to: Side,
    pub seconds: f64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    pub version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    pub instance_id: String,
}

pub async fn run(args: Rollback, context: &Context) -> Result<ExitStatus> {
    context.printer.data(&Box::pin(rollback(&args, context)).await?)?;
    Ok(ExitStatus::Success)
}

/// Rolls back and answers who served and who serves.
pub async fn rollback(args: &Rollback, context: &Context) -> Result<RolledBack> {
    let options = Options {
        kind: Kind::Rollback,
        reason: args.reason.clone(),
        timeout: Duration::from_secs(args.timeout),
        soak: Duration::from_secs(args.soak),
        // What served before is wanted back, also while Bedrock is down.
        chat: false,
    };
    let deployed = Box::pin(deploy(context, &options, |scene| plan(args, scene))).await?;
    deploy::warn(context, &deployed);
    let task = plan_of(&deployed.record);
    let side = |version, instance_id, digest| Side { version, digest, instance_id };
    let from = task.from.and_then(|from| Some(side(from.version?, from.instance_id, None)));
    Ok(RolledBack {
        deployment: deployed.record.number,
        url: deployed.url,
        service: context.recipe.service.to_string(),
        from,
        to: side(task.to.version, deployed.instance_id, Some(task.to.digest)),
        seconds: deployed.seconds,
    })
}

fn plan(args: &Rollback, scene: &Scene) -> Result<Plan, Failure> {
    if scene.address.is_none() {
        return Err(user(format!("{} has never been live in environment `{}`", scene.service, scene.environment))
            .hint("launch it with `veris launch`"));
    }
    let from = scene.from(args.force)?;
    let (to, settings) = match candidate::choose(&scene.instances, scene.live(), args.version.as_ref())? {
        Candidate::Kept(kept) => {
            let origin = if kept.state == State::Stopped { Origin::Stopped } else { Origin::Running };
            (Target::of(&kept.image(), origin, Some(kept.instance_id.clone())), Settings::None)
        }
        Candidate::Image { below, user_data_of } => {
            let image = candidate::image(scene, below, args.version.as_ref())?;
            (Target::of(image, Origin::Created, None), Settings::Of(user_data_of.instance_id.clone()))
        }
    };
    Ok(Plan { task: Task { from, to, promote: true, keep: args.keep }, settings })
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.from.as_ref().map(|from| format!(" instead of {} ({})", from.version, from.instance_id));
        writeln!(f, "{} {} is live at {}{}", self.service, self.to.version, self.url, before.unwrap_or_default())?;
        writeln!(f, "  instance    {}", self.to.instance_id)?;
        writeln!(f, "  deployment  {}", self.deployment)?;
        writeln!(f, "  seconds     {:.1}", self.seconds)
    }
}
