//! `veris show VERSION`: what is in an image.

use std::fmt;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::images::{self, BakedImage};
use crate::manifest::{self, DiskProof, Outcome, Record};
use crate::recipe;
use crate::table::Table;

/// Show what is in an image: its inputs with their digests, its parent, and the crates of the server
///
/// With `--output json` it is the whole manifest, crates included; `--bom` prints the bill of materials for scanners.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris show 1.1.0")]
pub struct Show {
    /// Version of the image; by default the newest
    #[arg(value_name = "X.Y.Z", value_parser = recipe::release_version)]
    version: Option<Version>,
    /// Print the bill of materials in the JSON of `CycloneDX` 1.6
    #[arg(long)]
    bom: bool,
}

/// An image and what it was made of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    image: BakedImage,
    record: Record,
    outcome: Option<Outcome>,
}

pub async fn run(args: Show, context: &Context) -> Result<ExitStatus> {
    let images = images::find(context).await?;
    let image = images::choose(&images, args.version.as_ref(), &context.recipe.service)?.clone();
    let record = manifest::record(context, &image).await?;
    if args.bom {
        context.printer.piece(&manifest::bom::Bom::of(&record.manifest).text())?;
        return Ok(ExitStatus::Success);
    }
    let outcome = manifest::outcome(context, &image).await?;
    context.printer.data(&Shown { image, record, outcome })?;
    Ok(ExitStatus::Success)
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, record: Record { digest, commit, manifest }, outcome } = self;
        writeln!(f, "image    {} ({})", image.image_id, image.state)?;
        writeln!(f, "service  {} {}", manifest.service, manifest.version)?;
        writeln!(f, "digest   {digest}")?;
        writeln!(f, "commit   {commit}")?;
        writeln!(f, "parent   {} {}", manifest.parent.image, manifest.parent.name)?;
        let encrypted = if manifest.recipe.encryption.is_some() { ", encrypted" } else { "" };
        writeln!(f, "volume   {} GiB {}{encrypted}", manifest.recipe.size_gib, manifest.recipe.volume_type)?;
        writeln!(f, "crates   {} in the binary", manifest.crates.len())?;
        if let Some(outcome) = outcome {
            let seconds: f64 = outcome.stages.iter().map(|stage| stage.seconds).sum();
            writeln!(f, "baked    {} in {seconds:.1} s", outcome.finished.strftime("%Y-%m-%d %H:%M"))?;
            match outcome.disk {
                Some(DiskProof::Clean { files, .. }) => writeln!(f, "disk     clean, {files} files")?,
                Some(DiskProof::Skipped) => writeln!(f, "disk     not looked at")?,
                None => {}
            }
        }
        let mut table = Table::new(["INPUT", "NAME", "MODE", "BYTES", "SHA-256"]);
        for input in &manifest.inputs {
            let mode = input.mode().unwrap_or_default().to_owned();
            let digest = format!("{:.12}", input.sha256);
            table.row([input.kind.as_str().to_owned(), input.name.clone(), mode, input.bytes.to_string(), digest]);
        }
        write!(f, "\n{table}")
    }
}
