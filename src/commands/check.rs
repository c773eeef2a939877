//! `veris check`: everything that is wrong with recipes, components, units and templates, without a cloud and without a guest.

use std::path::PathBuf;

use anyhow::Result;

use crate::check::{self, Scope, Text};
use crate::cli::GlobalArgs;
use crate::context;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;

/// Find mistakes in recipes, components, units and templates, without a cloud
///
/// The exit code is 0 when nothing was found and 1 when something was. `veris bake` runs this first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris check\n  veris check components/20-chat.yaml --sarif findings.sarif")]
pub struct Check {
    /// Files or folders to check; by default everything that the project's recipes bake
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write the findings to this file too, as SARIF 2.1.0 for code hosts
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
}

pub async fn run(args: Check, global: &GlobalArgs, printer: &Printer) -> Result<ExitStatus> {
    let scope = if args.paths.is_empty() {
        Scope::Project { project: context::project(global)?, recipe: global.recipe.clone() }
    } else {
        Scope::Paths {
            paths: args.paths,
            project: global.project.as_ref().map(|_| context::project(global)).transpose()?,
        }
    };
    let report = check::watched(scope, printer).await?;
    for note in &report.notes {
        printer.talk(format_args!("note: {note}"));
    }
    if let Some(file) = &args.sarif {
        let log = serde_json::to_string_pretty(&check::sarif(&report))?;
        fs_err::write(file, log + "\n").map_err(|error| user("failed to write the findings as SARIF").source(error))?;
    }
    printer.data(&Text(&report))?;
    Ok(if report.findings.is_empty() { ExitStatus::Success } else { ExitStatus::Unhealthy })
}
