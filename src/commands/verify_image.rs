//! `veris verify-image`: an image is what its manifest says.

use std::fmt;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::bake::{self, Check};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::images;
use crate::recipe;

/// Read again what an image was made of, compute its bake digest anew, and compare
///
/// Every input in the bucket is digested, the components are rendered and compared with those of Image Builder, and the AMI is looked
/// at. Its disk is not read. The exit code is 1 where something differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris verify-image 1.1.0 --environment prod")]
pub struct VerifyImage {
    /// Version of the image; by default the newest
    #[arg(value_name = "X.Y.Z", value_parser = recipe::release_version)]
    version: Option<Version>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    version: Version,
    image_id: String,
    digest: String,
    good: bool,
    checks: Vec<Check>,
}

pub async fn run(args: VerifyImage, context: &Context) -> Result<ExitStatus> {
    let images = images::find(&context.clients, &context.recipe).await?;
    let image = images::choose(&images, args.version.as_ref(), &context.recipe.service)?;
    let mut stage = context.printer.stage(format!("verify {}", image.image_id));
    let checks = bake::audit(context, image, &mut stage).await?;
    stage.done("");
    let good = checks.iter().all(|check| check.problems.is_empty());
    let (version, image_id, digest) = (image.version.clone(), image.image_id.clone(), image.digest.clone());
    context.printer.data(&Verified { version, image_id, digest, good, checks })?;
    Ok(if good { ExitStatus::Success } else { ExitStatus::Unhealthy })
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}, digest {:.12})", self.version, self.image_id, self.digest)?;
        for Check { what, problems } in &self.checks {
            writeln!(f, "  {} {what}", if problems.is_empty() { "ok     " } else { "WRONG  " })?;
            problems.iter().try_for_each(|problem| writeln!(f, "           {problem}"))?;
        }
        Ok(())
    }
}
