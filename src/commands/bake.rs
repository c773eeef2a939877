//! `veris bake`: compile the service, digest its inputs, and have Image Builder make an AMI of them.

use anyhow::Result;
use semver::Version;

use crate::bake;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::recipe;

/// Bake the service into a tagged, versioned machine image
///
/// Baking unchanged inputs again finds the image and creates nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris bake --version 1.1.0")]
pub struct Bake {
    /// Version of the image, instead of the recipe's
    #[arg(long, value_name = "X.Y.Z", value_parser = recipe::release_version)]
    version: Option<Version>,
    /// Bake although files differ from the commit; the image's commit then ends in `-dirty`
    ///
    /// The local environment always allows it.
    #[arg(long)]
    allow_dirty: bool,
    /// Show what changed since the newest image, and bake nothing
    #[arg(long)]
    explain: bool,
}

pub async fn run(args: Bake, context: &Context) -> Result<ExitStatus> {
    let options = bake::Options { version: args.version, allow_dirty: args.allow_dirty };
    if args.explain {
        context.printer.data(&Box::pin(bake::explain(context, options)).await?)?;
        return Ok(ExitStatus::Success);
    }
    let baked = Box::pin(bake::bake(context, options)).await?;
    context.printer.data(&baked)?;
    Ok(ExitStatus::Success)
}
