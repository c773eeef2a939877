//! The manifest of an image: everything that went into it, with digests.
//!
//! A [`Manifest`] is baked into the image and is an input of the bake digest, so it holds nothing that depends on the digest, nor
//! the commit. A [`Record`] adds both. It lies in the bucket beside the artifacts, under the digest, and never changes.

pub mod bom;
pub mod compare;

use anyhow::Result;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aws;
use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::error::{cloud, user};
use crate::guest_binary::Crate;
use crate::images::BakedImage;

/// What is in an image, and of what it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of this document.
    pub form: u32,
    pub service: String,
    pub version: semver::Version,
    pub parent: Parent,
    /// What else of the recipe reaches the image.
    pub recipe: RecipeFields,
    /// The binary, units, files and component documents.
    pub inputs: Vec<Input>,
    /// What is compiled into the binary.
    pub crates: Vec<Crate>,
}

/// The image that the bake started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parent {
    pub image: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

/// Fields of the recipe that reach the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecipeFields {
    pub device: String,
    pub size_gib: u32,
    pub volume_type: String,
    /// `default`, or the key that the recipe names; absent where the account decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    pub port: u16,
    pub env_file: String,
}

/// A file that takes part in the bake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub kind: InputKind,
    /// Its path in the image; a component's path in the project.
    pub name: String,
    /// Name of the file that it was read from.
    pub file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    pub sha256: Sha256Digest,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    Binary,
    Unit,
    File,
    /// A component document as it is in the project, before it is rendered.
    Component,
}

/// The manifest and what depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub digest: Sha256Digest,
    pub commit: String,
    pub manifest: Manifest,
}

/// How the bake went, written at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub image_id: String,
    pub finished: jiff::Timestamp,
    pub stages: Vec<crate::bake::StageTime>,
    /// Absent where the image was baked before disks were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskProof>,
}

/// What is known of the image's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "found")]
pub enum DiskProof {
    /// It was read, and keeps every rule.
    Clean { rules: usize, files: u64, bytes_read: u64 },
    /// Whoever baked the image did not want it to be read.
    Skipped,
}

impl Manifest {
    /// The form that this program writes.
    pub const FORM: u32 = 1;

    /// Where the manifest and its bill of materials lie in the image.
    pub fn documents_in_image(service: &str) -> [String; 2] {
        ["manifest.json", "bom.json"].map(|name| format!("/etc/{service}/{name}"))
    }

    /// The text that is baked and digested.
    pub fn text(&self) -> String {
        text(self)
    }

    /// The two documents that the bake adds to the inputs: names of their files, and digests.
    pub fn documents(&self) -> [(&'static str, Sha256Digest); 2] {
        [("manifest.json", self.text()), ("bom.json", bom::Bom::of(self).text())]
            .map(|(file, text)| (file, Sha256Digest::of(text)))
    }
}

impl Input {
    /// The permission bits that it has in the image, in octal digits.
    pub fn mode(&self) -> Option<&str> {
        match self.kind {
            InputKind::Binary => Some("0755"),
            InputKind::Unit => Some("0644"),
            InputKind::File => self.mode.as_deref(),
            InputKind::Component => None,
        }
    }
}

impl Record {
    /// The text that is kept in the bucket.
    pub fn text(&self) -> String {
        text(self)
    }
}

pub(crate) fn text(document: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(document).expect("texts and numbers always have a JSON form");
    format!("{json}\n")
}

impl InputKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Unit => "unit",
            Self::File => "file",
            Self::Component => "component",
        }
    }
}

/// The key of an artifact. It holds the digest of the content, so that no object ever changes.
pub fn artifact_key(service: &str, sha256: &Sha256Digest, file: &str) -> String {
    format!("{service}/artifacts/{sha256}/{file}")
}

/// The key of one of the documents about an image: `manifest.json`, `bom.json` or `outcome.json`.
pub fn document_key(service: &str, digest: &str, document: &str) -> String {
    format!("{service}/manifests/{digest}/{document}")
}

/// The record of a baked image.
pub async fn record(context: &Context, image: &BakedImage) -> Result<Record> {
    record_of(context, &image.service, &image.version, &image.digest).await
}

/// The record of the image that was baked of the inputs with this digest.
pub(crate) async fn record_of(
    context: &Context,
    service: &str,
    version: &semver::Version,
    digest: &str,
) -> Result<Record> {
    let key = document_key(service, digest, "manifest.json");
    read(context, &key).await?.ok_or_else(|| {
        let bucket = &context.environment.bucket;
        user(format!("version {version} has no manifest: s3://{bucket}/{key} is not there"))
            .hint("it was baked before manifests were kept, or the object was deleted; a new bake of the version's inputs has one")
            .into()
    })
}

/// How the bake of an image went; nobody knows where the bake's end was not waited for.
pub async fn outcome(context: &Context, image: &BakedImage) -> Result<Option<Outcome>> {
    read(context, &document_key(&image.service, &image.digest, "outcome.json")).await
}

/// An object of the bucket; `None` if it is not there.
pub async fn object(context: &Context, key: &str) -> Result<Option<Vec<u8>>> {
    let bucket = &context.environment.bucket;
    let failed = || format!("read s3://{bucket}/{key}");
    match context.clients.s3.get_object().bucket(bucket).key(key).send().await {
        Ok(answer) => {
            let body = answer.body.collect().await;
            Ok(Some(body.map_err(|error| cloud(format!("failed to {}", failed())).source(error))?.to_vec()))
        }
        Err(error) if matches!(error.code(), Some("NoSuchKey" | "NoSuchBucket")) => Ok(None),
        Err(error) => Err(aws::describe(&failed(), &error).into()),
    }
}

async fn read<T: DeserializeOwned>(context: &Context, key: &str) -> Result<Option<T>> {
    let Some(bytes) = object(context, key).await? else { return Ok(None) };
    let document = serde_json::from_slice(&bytes).map_err(|error| {
        let bucket = &context.environment.bucket;
        cloud(format!("s3://{bucket}/{key} is no document of this tool")).source(error)
    })?;
    Ok(Some(document))
}
