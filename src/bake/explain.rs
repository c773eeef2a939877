//! Why a bake would make a new image: what changed since the newest one.

use std::fmt;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use super::plan::{Content, Plan};
use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::images;
use crate::manifest::{self, compare};

/// What a bake of now would differ in from the newest image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The version that would be baked.
    version: Version,
    digest: Sha256Digest,
    /// The newest image, and the one that has this digest already.
    newest: Option<Version>,
    baked: Option<String>,
    changes: Vec<compare::Change>,
}

pub(super) async fn changes(context: &Context, plan: &Plan) -> Result<Explained> {
    let images = images::find(context).await?;
    let mut available = images.iter().filter(|image| image.state == "available");
    let baked = available.clone().find(|image| image.digest == plan.digest.as_str());
    let newest = available.next();
    let mut changes = Vec::new();
    if let Some(newest) = newest {
        let record = manifest::record(context, newest).await?;
        changes = compare::changes(&record.manifest, &plan.manifest);
        compare::lines(&mut changes, async |input| match plan.content(&input.sha256) {
            Some(Content::File(path)) => Ok(Some(fs_err::tokio::read(path).await?)),
            Some(Content::Text(text)) => Ok(Some(text.clone().into_bytes())),
            None => {
                let key = manifest::artifact_key(&newest.service, &input.sha256, &input.file);
                manifest::object(context, &key).await
            }
        })
        .await?;
    }
    Ok(Explained {
        version: plan.version.clone(),
        digest: plan.digest.clone(),
        newest: newest.map(|image| image.version.clone()),
        baked: baked.map(|image| image.image_id.clone()),
        changes,
    })
}

impl Plan {
    fn content(&self, sha256: &Sha256Digest) -> Option<&Content> {
        self.artifacts.iter().find(|artifact| artifact.sha256 == *sha256).map(|artifact| &artifact.content)
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, digest, newest, baked, changes } = self;
        if let Some(image) = baked {
            return writeln!(f, "version {version} is baked already as {image}: nothing changed (digest {digest:.12})");
        }
        let Some(newest) = newest else {
            return writeln!(f, "version {version} would be the first image (digest {digest:.12})");
        };
        if changes.is_empty() && newest != version {
            return writeln!(f, "nothing changed since {newest} but the version, {version} (digest {digest:.12})");
        }
        if changes.is_empty() {
            return writeln!(f, "nothing changed since {newest} but where its artifacts lie (digest {digest:.12})");
        }
        writeln!(f, "since {newest} changed (digest {digest:.12}):")?;
        changes.iter().try_for_each(|change| change.fmt(f))
    }
}
