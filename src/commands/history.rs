//! `veris history`: every deployment, newest first.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::ledger::{Ending, Ledger, Record};
use crate::table::Table;

/// Show every deployment: when, what, by whom, why, and how it ended
///
/// The ledger is in the account's Parameter Store, below `/veris/SERVICE/ENVIRONMENT/deployments`; the newest 50 are kept.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  veris history --environment prod\n  veris history --output json")]
pub struct History {
    /// Show this many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
}

/// Newest first.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Deployments(Vec<Record>);

pub async fn run(args: History, context: &Context) -> Result<ExitStatus> {
    context.printer.data(&history(args.limit, context).await?)?;
    Ok(ExitStatus::Success)
}

/// The newest `limit` deployments.
pub async fn history(limit: usize, context: &Context) -> Result<Deployments> {
    let entries = Ledger::of(context).read().await?;
    Ok(Deployments(entries.into_iter().rev().take(limit).map(|entry| entry.record).collect()))
}

impl fmt::Display for Deployments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "nothing was deployed yet");
        }
        let mut table =
            Table::new(["NO", "BEGAN (UTC)", "WHAT", "VERSION", "FROM", "INSTANCE", "OUTCOME", "BY", "WHY"]);
        for record in &self.0 {
            let task = record.task.as_ref();
            let from = task.and_then(|task| task.from.as_ref());
            table.row([
                record.number.to_string(),
                record.began.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                record.kind.noun().to_owned(),
                task.map(|task| task.to.version.to_string()).unwrap_or_default(),
                from.map(|from| from.version.as_ref().map_or("not ours".to_owned(), ToString::to_string))
                    .unwrap_or_default(),
                task.and_then(|task| task.to.instance_id.clone()).unwrap_or_default(),
                outcome(record),
                record.by.to_string(),
                record.reason.clone().unwrap_or_default().replace('\n', " "),
            ]);
        }
        write!(f, "{table}")?;
        for record in &self.0 {
            if let Some(problem) = record.outcome.as_ref().and_then(|outcome| outcome.problem.as_ref()) {
                write!(f, "\n{}: {problem}\n", record.number)?;
            }
        }
        Ok(())
    }
}

fn outcome(record: &Record) -> String {
    let Some(outcome) = &record.outcome else { return "under way".to_owned() };
    let word = match outcome.ending {
        Ending::Live => "live",
        Ending::Ready => "ready",
        Ending::Undone => "taken back",
        Ending::Done => "done",
    };
    let seconds = outcome.ended.duration_since(record.began).as_secs();
    format!("{word} after {seconds} s")
}
