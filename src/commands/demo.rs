//! `veris demo`: the whole story with two versions, and a timeline at its end.

mod script;

use std::fmt;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use self::script::Script;
use crate::cli::GlobalArgs;
use crate::commands::history::Deployments;
use crate::commands::local::down;
use crate::demo::timeline::Timeline;
use crate::environment::EnvironmentName;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// Show the whole story in the local cloud: bake, launch, chat, bake again, launch beside, promote, roll back
///
/// It installs what the machine lacks, after saying so, and calls the same code as the other commands. Everything it
/// makes stays for you to play with, until `veris local down`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris demo")]
pub struct Demo {
    /// Stop the local cloud at the end
    #[arg(long)]
    down: bool,
}

/// What the demo showed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    timeline: Timeline,
    /// What served when, newest first.
    ledger: Deployments,
    url: String,
    /// The version that is live at the end, which is the first of the two.
    live: Version,
    left: Version,
    rollback_seconds: f64,
    /// Whether the local cloud was stopped at the end.
    down: bool,
}

pub async fn run(args: Demo, global: &GlobalArgs, printer: &Printer, interrupt: &Interrupt) -> Result<ExitStatus> {
    if global.environment != EnvironmentName::local() {
        return Err(user(format!("the demo plays in the local cloud, not in `{}`", global.environment))
            .hint("leave `--environment` and VERIS_ENVIRONMENT out")
            .into());
    }
    let mut script = Script::begin(global, printer).await?;
    let context = script.cloud(global, printer, interrupt).await?;
    let mut shown = Box::pin(script.play(&context)).await?;
    if args.down {
        down::down(&down::Down::default(), printer).await?;
        shown.down = true;
    }
    printer.talk("");
    printer.data(&shown)?;
    Ok(ExitStatus::Success)
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.timeline)?;
        write!(f, "\nThe ledger of what served, `{} history`:\n{}", veris(), self.ledger)?;
        writeln!(f, "\nVersion {} is live at {} again, {} is kept.", self.live, self.url, self.left)?;
        if self.down {
            return writeln!(f, "The local cloud is stopped; `{} local up` starts it again.", veris());
        }
        writeln!(f, "\nGo on playing:")?;
        writeln!(f, "  curl {}/version", self.url)?;
        writeln!(f, "  curl -N {}/chat/stream/ -H 'content-type: application/json' \\", self.url)?;
        writeln!(f, "    -d '{{\"session_id\": \"me\", \"message\": \"Hello, who are you?\"}}'")?;
        writeln!(f, "  {} status", veris())?;
        writeln!(f, "  {} rollback {}", veris(), self.left)?;
        writeln!(f, "\nStop everything with:\n  {} local down", veris())
    }
}

/// How this program is called by somebody who has not installed it.
fn veris() -> &'static str {
    if std::env::var_os(crate::env_vars::CARGO).is_some() { "cargo run -q --" } else { "veris" }
}
