//! `veris terminate`: ends instances of the service that are no longer wanted.

use std::fmt;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::addresses;
use crate::bake;
use crate::context::Context;
use crate::deploy;
use crate::environment::Target;
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::instances::{self, Instance};

/// Terminate kept instances of the service
///
/// Only instances that this tool launched are touched. The live one is refused unless `--live` or `--all` says that it is
/// meant. Images stay: any version can be launched again. An instance that a failed bake has kept is named by its id.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    after_help = "Example:\n  veris terminate 1.0.0\n  veris terminate i-0123456789abcdef0\n  veris terminate --all"
)]
pub struct Terminate {
    /// Instance to terminate, or a version whose instances are terminated
    #[arg(value_name = "INSTANCE|VERSION", required_unless_present = "all")]
    pub target: Option<String>,
    /// Terminate every instance of the service, the live one included
    #[arg(long, conflicts_with = "target")]
    pub all: bool,
    /// Terminate even what is live
    #[arg(long)]
    pub live: bool,
    /// Do not ask back; needed outside the local cloud
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Terminated {
    terminated: Vec<Ended>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    instance_id: String,
    version: Version,
}

pub async fn run(args: Terminate, context: &Context) -> Result<ExitStatus> {
    deploy::tidy(context).await?;
    let service = context.recipe.service.to_string();
    let (address, instances) = tokio::try_join!(addresses::find(context), instances::list(&context.clients, &service))?;
    let holder = address.and_then(|address| address.holder);
    let chosen = match of_bake(&args, context, &instances).await? {
        Some(kept) => vec![kept],
        None => choose(&args, &service, instances, holder.as_deref())?.into_iter().map(Ended::of).collect(),
    };
    if context.environment.target == Target::Aws && !args.yes && !chosen.is_empty() {
        return Err(unconfirmed(context, &chosen).into());
    }
    let mut terminated = Vec::new();
    for end in chosen {
        let mut stage = context.printer.stage(format!("Terminate {} ({})", end.instance_id, end.version));
        instances::terminate(&context.clients, &end.instance_id, &mut stage).await?;
        stage.done("");
        terminated.push(end);
    }
    context.printer.data(&Terminated { terminated })?;
    Ok(ExitStatus::Success)
}

impl Ended {
    fn of(instance: Instance) -> Self {
        Self { instance_id: instance.instance_id, version: instance.version }
    }
}

/// What a failed bake has kept, where its id is the target.
async fn of_bake(args: &Terminate, context: &Context, instances: &[Instance]) -> Result<Option<Ended>> {
    let Some(target) = args.target.as_deref().filter(|target| target.starts_with("i-")) else { return Ok(None) };
    if instances.iter().any(|instance| instance.instance_id == target) {
        return Ok(None);
    }
    let kept = bake::kept(context).await?.into_iter().find(|kept| kept.instance_id == target);
    Ok(kept.map(|kept| Ended { instance_id: kept.instance_id, version: kept.version }))
}

fn choose(
    args: &Terminate,
    service: &str,
    instances: Vec<Instance>,
    holder: Option<&str>,
) -> Result<Vec<Instance>, Failure> {
    let Some(target) = args.target.as_deref() else { return Ok(instances) };
    let known: Vec<_> =
        instances.iter().map(|instance| format!("{} ({})", instance.instance_id, instance.version)).collect();
    let version = target.parse::<Version>().ok();
    let matches = |instance: &Instance| instance.instance_id == target || Some(&instance.version) == version.as_ref();
    let chosen: Vec<_> = instances.into_iter().filter(matches).collect();
    if chosen.is_empty() {
        let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
        return Err(user(format!("no instance of {service} is or has `{target}`"))
            .hint(format!("instances of {service}: {known}")));
    }
    match chosen.iter().find(|instance| Some(instance.instance_id.as_str()) == holder) {
        Some(live) if !args.live => {
            Err(user(format!("instance {} ({service} {}) is live", live.instance_id, live.version)).hint(
                "to put another version in its place first: `veris launch` or `veris rollback`; otherwise `--live`",
            ))
        }
        _ => Ok(chosen),
    }
}

fn unconfirmed(context: &Context, chosen: &[Ended]) -> Failure {
    let ids: Vec<_> =
        chosen.iter().map(|instance| format!("{} ({})", instance.instance_id, instance.version)).collect();
    user(format!("environment `{}`: this would terminate {}", context.environment.name, ids.join(", ")))
        .hint("if that is meant, run the same command with `--yes`")
}

impl fmt::Display for Terminated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terminated.is_empty() {
            return writeln!(f, "there was no instance to terminate");
        }
        for ended in &self.terminated {
            writeln!(f, "terminated {} ({})", ended.instance_id, ended.version)?;
        }
        Ok(())
    }
}
