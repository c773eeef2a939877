//! `veris diff A B`: what differs between two images.

use std::fmt;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::images;
use crate::manifest::{self, compare};
use crate::recipe;

/// Show what differs between two images: inputs line by line, recipe, parent, and the crates of the server
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris diff 1.0.0 1.1.0")]
pub struct Diff {
    /// The older version
    #[arg(value_name = "X.Y.Z", value_parser = recipe::release_version)]
    from: Version,
    /// The newer version; by default the newest
    #[arg(value_name = "X.Y.Z", value_parser = recipe::release_version)]
    to: Option<Version>,
}

/// What differs between two versions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Differences {
    pub from: Version,
    pub to: Version,
    pub changes: Vec<compare::Change>,
}

pub async fn run(args: Diff, context: &Context) -> Result<ExitStatus> {
    let images = images::find(context).await?;
    let service = &context.recipe.service;
    let (from, to) =
        (images::choose(&images, Some(&args.from), service)?, images::choose(&images, args.to.as_ref(), service)?);
    let (before, after) = tokio::try_join!(manifest::record(context, from), manifest::record(context, to))?;
    let mut changes = compare::changes(&before.manifest, &after.manifest);
    compare::lines(&mut changes, async |input| {
        manifest::object(context, &manifest::artifact_key(&from.service, &input.sha256, &input.file)).await
    })
    .await?;
    context.printer.data(&Differences { from: from.version.clone(), to: to.version.clone(), changes })?;
    Ok(ExitStatus::Success)
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return writeln!(f, "{} and {} differ in nothing but their versions", self.from, self.to);
        }
        self.changes.iter().try_for_each(|change| change.fmt(f))
    }
}
