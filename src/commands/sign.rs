//! `veris sign VERSION`: says with a key where an image came from.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use aws_sdk_s3::primitives::ByteStream;
use semver::Version;
use serde::Serialize;

use crate::aws;
use crate::bake;
use crate::context::Context;
use crate::error::cloud;
use crate::exit_status::ExitStatus;
use crate::images;
use crate::manifest;
use crate::provenance::{self, Envelope, SigningKey, Statement};
use crate::recipe;

/// Sign where an image came from: an in-toto statement with SLSA's provenance, kept beside its manifest
///
/// The image is verified before, as `veris verify-image` does, so that nothing is signed that is not what it says. The key stays on
/// this machine. `veris verify-image --public-key` tells whether an image was signed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  openssl genpkey -algorithm ed25519 -out release.pem\n  veris sign 1.1.0 --key release.pem"
)]
pub struct Sign {
    /// Version of the image
    #[arg(value_name = "X.Y.Z", value_parser = recipe::release_version)]
    version: Version,
    /// Ed25519 private key in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    version: Version,
    image_id: String,
    key_id: String,
    uri: String,
    envelope: Envelope,
}

pub async fn run(args: Sign, context: &Context) -> Result<ExitStatus> {
    let key = SigningKey::read(&args.key)?;
    context.printer.data(&Box::pin(sign(&args.version, &key, context)).await?)?;
    Ok(ExitStatus::Success)
}

async fn sign(version: &Version, key: &SigningKey, context: &Context) -> Result<Signed> {
    let images = images::find(context).await?;
    let image = images::choose(&images, Some(version), &context.recipe.service)?;
    let mut stage = context.printer.stage(format!("Verify {} {version}", image.service));
    let checks = bake::audit(context, image, &mut stage).await?;
    let problems: Vec<&str> = checks.iter().flat_map(|check| check.problems.iter().map(String::as_str)).collect();
    if !problems.is_empty() {
        return Err(cloud(format!(
            "version {version} is not signed, for it is not what it says: {}",
            problems.join("; ")
        ))
        .hint(format!("`veris verify-image {version}` shows each check"))
        .into());
    }
    stage.done("");
    let (record, outcome) = tokio::try_join!(manifest::record(context, image), manifest::outcome(context, image))?;
    let envelope = Envelope::seal(&Statement::of(image, &record, outcome.as_ref()), key);
    let (bucket, object) = (&context.environment.bucket, provenance::object_key(image));
    let uri = format!("s3://{bucket}/{object}");
    let body = ByteStream::from(manifest::text(&envelope).into_bytes());
    let put = context.clients.s3.put_object().bucket(bucket).key(&object).content_type("application/json").body(body);
    put.send().await.map_err(|error| aws::describe(&format!("write {uri}"), &error))?;
    Ok(Signed {
        version: version.clone(),
        image_id: image.image_id.clone(),
        key_id: key.id().to_owned(),
        uri,
        envelope,
    })
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}) is signed by the key {:.12}", self.version, self.image_id, self.key_id)?;
        writeln!(f, "  {}", self.uri)
    }
}
