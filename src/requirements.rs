//! What an environment asks of an image before it is launched there.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;

use crate::context::Context;
use crate::error::{Failure, user};
use crate::images::BakedImage;
use crate::manifest::{self, DiskProof};
use crate::provenance::{self, PublicKey};

/// From the recipe. Where nothing is asked, every image of the service will do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Its disk was read and found clean.
    pub proven: bool,
    /// Where it came from is signed by this key, whose public half is a file of the project.
    pub signed: Option<PathBuf>,
}

/// What an image lacks; nothing where it may be launched.
#[derive(Debug, Default)]
pub struct Unmet(Vec<String>);

/// Looks at the image's records. Whether they are right is what the signature tells.
pub async fn unmet(context: &Context, image: &BakedImage) -> Result<Unmet> {
    let Requirements { proven, signed } = &context.environment.require;
    let mut unmet = Vec::new();
    if *proven {
        unmet.extend(unproven(context, image).await?);
    }
    if let Some(key) = signed {
        let key = PublicKey::read(&context.project.join(key))?;
        unmet.extend(unsigned(context, image, &key).await?);
    }
    Ok(Unmet(unmet))
}

async fn unproven(context: &Context, image: &BakedImage) -> Result<Option<String>> {
    let outcome = manifest::outcome(context, image).await?.filter(|outcome| outcome.image_id == image.image_id);
    Ok(match outcome.map(|outcome| outcome.disk) {
        Some(Some(DiskProof::Clean { .. })) => None,
        Some(Some(DiskProof::Skipped)) => {
            Some("its disk was not looked at (`veris bake --skip-disk-check`)".to_owned())
        }
        Some(None) | None => Some("nothing says that its disk was looked at".to_owned()),
    })
}

async fn unsigned(context: &Context, image: &BakedImage, key: &PublicKey) -> Result<Vec<String>> {
    if manifest::object(context, &provenance::object_key(image)).await?.is_none() {
        return Ok(vec!["it is not signed".to_owned()]);
    }
    provenance::problems(context, image, key).await
}

impl Unmet {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The refusal of a launch.
    pub fn refusal(&self, context: &Context, image: &BakedImage) -> Failure {
        let (environment, version) = (&context.environment.name, &image.version);
        user(format!(
            "environment `{environment}` takes proven or signed images only, and {} {version} ({}) is none: {self}",
            image.service, image.image_id
        ))
        .hint(format!(
            "`veris verify-image {version}` reads its disk, `veris sign {version} --key KEY.pem` signs it; a new version is proven by \
             `veris bake`. To launch it all the same, add `--allow-unproven`: the ledger will say so"
        ))
    }

    /// What the ledger keeps of a launch all the same.
    pub fn reason(&self, given: Option<&str>) -> String {
        let given = given.map(|given| format!("; {given}")).unwrap_or_default();
        format!("allowed although {self}{given}")
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}
