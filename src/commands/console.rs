//! `veris console`: what an instance has written to its serial console.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::bake;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::instances;

/// Show the serial console of an instance
///
/// It is often the only witness of a boot that failed. EC2 keeps its last 64 KiB. Escape sequences are left out, so that what an
/// instance writes cannot drive your terminal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris console\n  veris console 1.1.0 --lines 200")]
pub struct Console {
    /// Instance or version; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    pub target: Option<String>,
    /// Show only so many of the last lines
    #[arg(long, value_name = "COUNT")]
    pub lines: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    instance_id: String,
    lines: Vec<String>,
}

pub async fn run(args: Console, context: &Context) -> Result<ExitStatus> {
    let instance_id = chosen(context, args.target.as_deref()).await?;
    let lines = instances::console(&context.clients, &instance_id, args.lines.unwrap_or(usize::MAX)).await?;
    if lines.is_empty() {
        context
            .printer
            .talk(format_args!("the console of {instance_id} is empty; EC2 shows it some time after the boot"));
    }
    context.printer.data(&Shown { instance_id, lines })?;
    Ok(ExitStatus::Success)
}

/// The instance's id. One that a failed bake has kept is known by it alone.
async fn chosen(context: &Context, target: Option<&str>) -> Result<String> {
    let refused = match instances::choose(context, target).await {
        Ok(chosen) => return Ok(chosen.instance.instance_id),
        Err(error) => error,
    };
    let Some(id) = target.filter(|target| target.starts_with("i-")) else { return Err(refused) };
    let kept = bake::kept(context).await?.into_iter().find(|kept| kept.instance_id == id);
    kept.map(|kept| kept.instance_id).ok_or(refused)
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
