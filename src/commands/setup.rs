//! `veris setup`: what an administrator has to make before the first bake.

use anyhow::Result;

use crate::cli::GlobalArgs;
use crate::context;
use crate::environment::Target;
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::setup;

/// Print what an administrator has to make, as a template of `CloudFormation`
///
/// It holds the bucket, the roles and profiles that the recipe names, and a policy for operators and CI that allows what this tool
/// calls and nothing more. No call is made. Leave out what exists already; `veris doctor` says what is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris setup --environment prod > veris-setup.yaml")]
pub struct Setup {}

pub fn run(_: &Setup, global: &GlobalArgs, printer: &Printer) -> Result<ExitStatus> {
    let (_, recipe) = context::recipe(global)?;
    let environment = recipe.environment(&global.environment).map_err(Failure::from)?;
    if environment.target == Target::Local {
        return Err(user("the local cloud needs no setup").hint("name an environment of the recipe: `-e prod`").into());
    }
    printer.piece(&setup::template(&recipe, environment)?)?;
    Ok(ExitStatus::Success)
}
