//! What `veris bake` prints at its end.

use std::fmt;
use std::time::Duration;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::images::BakedImage;

/// The result of a bake.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Baked {
    /// Name of the service.
    pub service: String,
    /// Version of the image.
    pub version: Version,
    /// The bake digest.
    pub digest: String,
    /// Commit that the image was baked from.
    pub commit: String,
    /// The AMI.
    pub image_id: String,
    /// Whether this run made the image.
    pub created: bool,
    /// How long the command took.
    pub seconds: f64,
    /// How long Image Builder's steps took, in order; empty if nothing was created.
    pub stages: Vec<StageTime>,
}

/// One step of Image Builder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// Workflow and step, for example `build: ExecuteComponents`.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
}

impl Baked {
    pub(super) fn found(image: &BakedImage, took: Duration) -> Self {
        Self {
            service: image.service.clone(),
            version: image.version.clone(),
            digest: image.digest.clone(),
            commit: image.commit.clone(),
            image_id: image.image_id.clone(),
            created: false,
            seconds: rounded(took),
            stages: Vec::new(),
        }
    }

    pub(super) fn created(plan: &Plan, image_id: String, stages: Vec<StageTime>, took: Duration) -> Self {
        Self {
            service: plan.service.to_string(),
            version: plan.version.clone(),
            digest: plan.digest.to_string(),
            commit: plan.commit.clone(),
            image_id,
            created: true,
            seconds: rounded(took),
            stages,
        }
    }
}

/// Milliseconds are as much as anybody wants to read.
pub(super) fn rounded(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

impl fmt::Display for Baked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "image    {}", self.image_id)?;
        writeln!(f, "service  {} {}", self.service, self.version)?;
        writeln!(f, "digest   {}", self.digest)?;
        writeln!(f, "commit   {}", self.commit)?;
        let how = if self.created { "baked" } else { "unchanged, nothing created" };
        writeln!(f, "took     {:.1} s ({how})", self.seconds)
    }
}
