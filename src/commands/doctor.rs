//! `veris doctor`: whether a bake and a launch can work.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::doctor::{self, Check};
use crate::exit_status::ExitStatus;

/// Look at everything that a bake and a launch need, and change nothing
///
/// Compiler, clock, identity and the time it has left, permissions as IAM simulates them, parent image, bucket, Image Builder and the way
/// out of its network, ledger, address, quotas, security groups, key pair, and a dry run of the launch itself. The exit code is 1 where something is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris doctor --environment prod")]
pub struct Doctor {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Examined {
    environment: String,
    good: bool,
    checks: Vec<Check>,
}

pub async fn run(_: Doctor, context: &Context) -> Result<ExitStatus> {
    let checks = doctor::all(context).await;
    let good = checks.iter().all(|check| check.problem.is_none());
    context.printer.data(&Examined { environment: context.environment.name.to_string(), good, checks })?;
    Ok(if good { ExitStatus::Success } else { ExitStatus::Unhealthy })
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { name, found, problem, cures } in &self.checks {
            let mark = if problem.is_none() { "✓" } else { "✗" };
            let told = found.as_ref().or(problem.as_ref()).map_or("", String::as_str);
            writeln!(f, "{mark} {name:<15}  {told}")?;
            cures.iter().try_for_each(|cure| writeln!(f, "    hint: {cure}"))?;
        }
        let verdict = if self.good { "is ready" } else { "is not ready" };
        writeln!(f, "environment {} {verdict}", self.environment)
    }
}
