//! `veris prune`: removes old images that nobody needs.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::environment::Target;
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::prices;
use crate::prune::{self, Kept, Old, Plan};
use crate::table::Table;

/// Remove old images that nobody needs, with all that they were made of
///
/// The newest versions stay, and so does each image that an instance, a launch template, a parameter or a recipe uses: what is
/// live, and what was kept to return to. Of the other versions everything goes: AMI, snapshot, recipe, components, manifest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris prune --keep 5 --dry-run")]
pub struct Prune {
    /// How many of the newest versions stay
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    /// Show what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask back; needed outside the local cloud
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pruned {
    dry_run: bool,
    removed: Vec<Old>,
    kept: Vec<Kept>,
}

pub async fn run(args: Prune, context: &Context) -> Result<ExitStatus> {
    let plan = prune::plan(context, args.keep.into()).await?;
    if !args.dry_run {
        if context.environment.target == Target::Aws && !args.yes && !plan.remove.is_empty() {
            return Err(unconfirmed(context, &plan).into());
        }
        prune::carry_out(context, &plan).await?;
    }
    context.printer.data(&Pruned { dry_run: args.dry_run, removed: plan.remove, kept: plan.keep })?;
    Ok(ExitStatus::Success)
}

fn unconfirmed(context: &Context, plan: &Plan) -> Failure {
    let ids: Vec<_> = plan.remove.iter().map(|old| format!("{} ({})", old.image_id, old.version)).collect();
    user(format!("environment `{}`: this would remove {} for ever", context.environment.name, ids.join(", ")))
        .hint("if that is meant, run the same command with `--yes`")
}

impl fmt::Display for Pruned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["VERSION", "IMAGE", "SIZE", "USD/MONTH", "WHAT"]);
        let what = if self.dry_run { "would be removed" } else { "removed" };
        for old in &self.removed {
            let (size, cost) = (format!("{} GiB", old.gib), format!("{:.2}", old.monthly_usd));
            table.row([old.version.to_string(), old.image_id.clone(), size, cost, what.to_owned()]);
        }
        for kept in &self.kept {
            let reasons = format!("stays: {}", kept.reasons.join("; "));
            table.row([kept.version.to_string(), kept.image_id.clone(), String::new(), String::new(), reasons]);
        }
        table.fmt(f)?;
        let cost: f64 = self.removed.iter().map(|old| old.monthly_usd).sum();
        writeln!(f, "{} images {what}: at most about {cost:.2} USD a month ({})", self.removed.len(), prices::SOURCE)
    }
}
