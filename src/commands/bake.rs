//! `veris bake`: compile the service, digest its inputs, and have Image Builder make an AMI of them.

use anyhow::Result;
use semver::Version;

use crate::bake;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::recipe;

/// Bake the service into a tagged, versioned machine image
///
/// Baking unchanged inputs again finds the image and creates nothing. A bake that was killed is gone on with by the next one.
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
    /// Take the image as it is, without looking at its disk
    ///
    /// Otherwise the bake reads the image's snapshot, and fails where a secret, a key or a trace of the build is left in it.
    #[arg(long)]
    skip_disk_check: bool,
    /// Leave the build or test instance running where a component fails
    ///
    /// The error names it, how to get in, what it costs, and the command that ends it. No later bake does.
    #[arg(long)]
    keep_on_failure: bool,
    #[command(flatten)]
    instead: Instead,
}

/// What to do instead of baking from the beginning to the end.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Instead {
    /// Show what changed since the newest image, and bake nothing
    #[arg(long)]
    explain: bool,
    /// Leave once Image Builder has begun, and let it go on
    #[arg(long)]
    detach: bool,
    /// Follow the bake of the version that an earlier run has left, without compiling anything
    #[arg(long)]
    resume: bool,
}

pub async fn run(args: Bake, context: &Context) -> Result<ExitStatus> {
    let Bake { version, allow_dirty, skip_disk_check, keep_on_failure, .. } = args;
    let options = bake::Options { version, allow_dirty, skip_disk_check, keep_on_failure };
    if args.instead.explain {
        context.printer.data(&Box::pin(bake::explain(context, options)).await?)?;
        return Ok(ExitStatus::Success);
    }
    if args.instead.detach {
        context.printer.data(&Box::pin(bake::detach(context, options)).await?)?;
        return Ok(ExitStatus::Success);
    }
    let baked = if args.instead.resume {
        Box::pin(bake::resume(context, options)).await?
    } else {
        Box::pin(bake::bake(context, options)).await?
    };
    context.printer.data(&baked)?;
    Ok(ExitStatus::Success)
}
