//! `veris env diff`: which settings a launch would change.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::env_file::{Change, EnvFile};
use crate::exit_status::ExitStatus;
use crate::instances;

/// Show which settings differ between the live instance and the next launch; never a value
///
/// The exit code is 1 where something differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris env diff\n  veris env diff 1.0.0 --env-file ./production.env")]
pub struct Diff {
    /// Instance or version to compare with; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    pub target: Option<String>,
    /// File with the service's settings, as `veris launch` takes it; by default .env of the project
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Differences {
    instance_id: String,
    /// Names of settings; a value is never shown.
    changes: Vec<Change>,
}

pub async fn run(args: Diff, context: &Context) -> Result<ExitStatus> {
    let next = EnvFile::find(args.env_file.as_deref(), &context.project)?.over(&context.environment.env)?;
    let instance_id = instances::choose(context, args.target.as_deref()).await?.instance.instance_id;
    let live = instances::user_data(&context.clients, &instance_id).await?.env()?;
    let changes = live.changes_to(&next);
    let status = if changes.is_empty() { ExitStatus::Success } else { ExitStatus::Unhealthy };
    context.printer.data(&Differences { instance_id, changes })?;
    Ok(status)
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return writeln!(f, "the next launch has the settings of {}", self.instance_id);
        }
        writeln!(f, "against {}, the next launch would", self.instance_id)?;
        self.changes.iter().try_for_each(|change| writeln!(f, "  {change}"))
    }
}
