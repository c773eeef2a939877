//! What `veris bake` prints at its end.

use std::fmt;
use std::time::Duration;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::journal::Release;
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
    /// How long Image Builder's steps took, and the look at the disk, in order; empty if nothing was created.
    pub stages: Vec<StageTime>,
}

/// A bake that goes on by itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    pub service: String,
    pub version: Version,
    pub digest: String,
    pub commit: String,
    /// ARN of the image's build version.
    pub build: String,
}

/// What `veris bake --detach` prints.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Detached {
    /// The image is there.
    Found(Baked),
    Begun(Begun),
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

    pub(super) fn created(release: &Release, image_id: String, stages: Vec<StageTime>, took: Duration) -> Self {
        Self {
            service: release.service.clone(),
            version: release.version.clone(),
            digest: release.digest.to_string(),
            commit: release.commit.clone(),
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

impl Begun {
    pub(super) fn of(release: &Release, build: String) -> Self {
        Self {
            service: release.service.clone(),
            version: release.version.clone(),
            digest: release.digest.to_string(),
            commit: release.commit.clone(),
            build,
        }
    }
}

impl fmt::Display for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begun = match self {
            Self::Found(baked) => return baked.fmt(f),
            Self::Begun(begun) => begun,
        };
        writeln!(f, "build    {}", begun.build)?;
        writeln!(f, "service  {} {}", begun.service, begun.version)?;
        writeln!(f, "digest   {}", begun.digest)?;
        writeln!(f, "commit   {}", begun.commit)?;
        writeln!(f, "\n`veris bake --resume --version {}` follows it", begun.version)
    }
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
