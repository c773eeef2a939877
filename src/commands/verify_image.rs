//! `veris verify-image`: an image is what its manifest says.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::bake::{self, Check, DiskReport};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::images::{self, BakedImage};
use crate::manifest;
use crate::provenance::{self, PublicKey};
use crate::recipe;

/// Read again what an image was made of, compute its bake digest anew, and compare
///
/// Every input in the bucket is digested, the components are rendered and compared with those of Image Builder, and the AMI is looked
/// at. Then its disk is read from its snapshot, without launching anything: no secrets, no keys, no traces of the build, and the service's
/// files as they were baked. The exit code is 1 where something differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris verify-image 1.1.0 --environment prod")]
pub struct VerifyImage {
    /// Version of the image; by default the newest
    #[arg(value_name = "X.Y.Z", value_parser = recipe::release_version)]
    version: Option<Version>,
    /// Check too that this Ed25519 key in PEM has signed it (`veris sign`)
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Leave out the disk
    #[arg(long)]
    skip_disk: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    version: Version,
    image_id: String,
    digest: String,
    good: bool,
    checks: Vec<Check>,
    /// Absent where it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<DiskReport>,
}

pub async fn run(args: VerifyImage, context: &Context) -> Result<ExitStatus> {
    let key = args.public_key.as_deref().map(PublicKey::read).transpose()?;
    let images = images::find(context).await?;
    let image = images::choose(&images, args.version.as_ref(), &context.recipe.service)?;
    let mut stage = context.printer.stage(format!("verify {}", image.image_id));
    let mut checks = bake::audit(context, image, &mut stage).await?;
    if let Some(key) = key {
        let what = format!("it is signed by the key {:.12}", key.id());
        checks.push(Check { what, problems: Box::pin(provenance::problems(context, image, &key)).await? });
    }
    stage.done("");
    let disk = if args.skip_disk { None } else { Some(read_disk(context, image).await?) };
    checks.extend(disk.as_ref().map(|disk| Check { what: disk.to_string(), problems: disk.problems() }));
    let good = checks.iter().all(|check| check.problems.is_empty());
    let (version, image_id, digest) = (image.version.clone(), image.image_id.clone(), image.digest.clone());
    context.printer.data(&Verified { version, image_id, digest, good, checks, disk })?;
    Ok(if good { ExitStatus::Success } else { ExitStatus::Unhealthy })
}

async fn read_disk(context: &Context, image: &BakedImage) -> Result<DiskReport> {
    let record = manifest::record(context, image).await?;
    let mut stage = context.printer.stage(format!("read the disk of {}", image.image_id));
    let disk = bake::read_disk(context, &image.image_id, &record.manifest, &mut stage).await?;
    stage.done(format!("{} files", disk.report.files));
    Ok(disk)
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
