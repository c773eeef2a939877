//! `veris verify`: whether the live service does what its clients need.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::addresses;
use crate::context::Context;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::health::Endpoint;
use crate::instances;
use crate::verify::{self, Check};

/// Check that the live service answers as its clients need it
///
/// Asks through the address, as clients do: health, version, Bedrock through the instance's role, one whole answer, one streamed
/// answer, another request beside a stream, and several streams at once. The questions cost a few tokens. The exit code is 0
/// only when every check passes.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris verify --environment prod")]
pub struct Verify {}

/// Every check, in the order in which they were made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    service: String,
    url: String,
    passed: bool,
    checks: Vec<Check>,
}

pub async fn run(_: Verify, context: &Context) -> Result<ExitStatus> {
    let service = context.recipe.service.to_string();
    let (address, instances) = tokio::try_join!(addresses::find(context), instances::list(&context.clients, &service))?;
    let nothing_live = || {
        user(format!("nothing of {service} is live in environment `{}`", context.environment.name))
            .hint("launch it with `veris launch`")
    };
    let address = address.ok_or_else(nothing_live)?;
    let live = instances.iter().find(|instance| Some(&instance.instance_id) == address.holder.as_ref());
    let live = live.ok_or_else(nothing_live)?;
    let endpoint = Endpoint { address: address.ip, port: context.recipe.port };
    let checks = verify::all(endpoint, &live.image(), &context.printer).await;
    let passed = checks.iter().all(|check| check.problem.is_none());
    context.printer.data(&Report { service, url: endpoint.url(), passed, checks })?;
    Ok(if passed { ExitStatus::Success } else { ExitStatus::Unhealthy })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let mark = if check.problem.is_none() { "✓" } else { "✗" };
            writeln!(f, "{mark} {:<10}  {}  {:.1}s", check.name, check.what, check.seconds)?;
            if let Some(problem) = &check.problem {
                writeln!(f, "    {problem}\n    hint: {}", check.cure)?;
            }
        }
        let verdict = if self.passed { "answers as it should" } else { "does not answer as it should" };
        writeln!(f, "{} at {} {verdict}", self.service, self.url)
    }
}
