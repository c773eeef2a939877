//! `veris gc`: removes what bakes have left behind and no image needs.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::environment::Target;
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::firewall::{self, Rule};
use crate::gc::{self, Kept, Orphan, Plan};
use crate::table::Table;

/// Remove what bakes have left behind and no image needs
///
/// Versions without an AMI lose their builds, recipes, configurations and components, untagged AMIs of failed tests included; the bucket
/// loses manifests and artifacts that no image names. What is being baked, what a bake on this machine can go on with, and what is
/// newer than `--older-than` stays. Instances of failed bakes that `veris bake --keep-on-failure` has kept end too. Old images go with `veris prune`. Rules of `veris allow-ip` whose time is over are closed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris gc --dry-run\n  veris gc --older-than 1 --environment prod --yes")]
pub struct Gc {
    /// Hours that a thing must have been there: a bake on another machine may be about to use what is newer
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    older_than: u32,
    /// Show what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask back; needed outside the local cloud
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Collected {
    dry_run: bool,
    removed: Vec<Orphan>,
    kept: Vec<Kept>,
    /// Rules of the security group whose time was over; see `veris allow-ip`.
    closed: Vec<Rule>,
}

pub async fn run(args: Gc, context: &Context) -> Result<ExitStatus> {
    let plan = gc::plan(context, Duration::from_hours(args.older_than.into())).await?;
    if !args.dry_run && !plan.remove.is_empty() {
        if context.environment.target == Target::Aws && !args.yes {
            return Err(unconfirmed(context, &plan).into());
        }
        gc::carry_out(context, &plan).await?;
    }
    let closed = if args.dry_run { Vec::new() } else { firewall::sweep_beside(context).await };
    context.printer.data(&Collected { dry_run: args.dry_run, removed: plan.remove, kept: plan.keep, closed })?;
    Ok(ExitStatus::Success)
}

fn unconfirmed(context: &Context, plan: &Plan) -> Failure {
    let (environment, count) = (&context.environment.name, plan.remove.len());
    user(format!("environment `{environment}`: this would remove {count} things for ever"))
        .hint("`veris gc --dry-run` shows them; if that is meant, run the same command with `--yes`")
}

impl fmt::Display for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["WHAT", "WHY"]);
        let verb = if self.dry_run { "would be removed" } else { "removed" };
        for orphan in &self.removed {
            table.row([orphan.name.clone(), format!("{verb}: {}", orphan.why)]);
        }
        for kept in &self.kept {
            table.row([kept.name.clone(), format!("stays: {}", kept.why)]);
        }
        if !self.removed.is_empty() || !self.kept.is_empty() {
            table.fmt(f)?;
        }
        writeln!(f, "{} things {verb}", self.removed.len())
    }
}
