//! The bucket's part: manifests of digests that no AMI has, and artifacts that no manifest names.

use std::collections::BTreeSet;

use anyhow::Result;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use jiff::Timestamp;

use super::{Kept, Orphan};
use crate::aws;
use crate::bake::Kind;
use crate::context::Context;
use crate::images::BakedImage;
use crate::manifest;
use crate::manifest::Manifest;

pub(super) struct Found {
    pub(super) orphans: Vec<Orphan>,
    pub(super) keep: Vec<Kept>,
}

struct Object {
    key: String,
    modified: Option<Timestamp>,
}

/// What no image needs; nothing while a bake is `under_way`, which may count on any of them.
pub(super) async fn orphans(context: &Context, images: &[BakedImage], under_way: bool) -> Result<Found> {
    let bucket = &context.environment.bucket;
    let mut found = Found { orphans: Vec::new(), keep: Vec::new() };
    if under_way {
        let name = format!("s3://{bucket}/{}/", context.recipe.service);
        found.keep.push(Kept { name, why: "a bake has not ended, and may need what is there".to_owned() });
        return Ok(found);
    }
    let mut needed = BTreeSet::new();
    let mut why_not: Option<String> = None;
    for image in images {
        let key = manifest::document_key(&image.service, &image.digest, "manifest.json");
        match manifest::object(context, &key).await? {
            Some(_) => needed.extend(artifacts(&manifest::record(context, image).await?.manifest)),
            None => {
                why_not.get_or_insert_with(|| {
                    format!("version {} has no manifest that says what it needs", image.version)
                });
            }
        }
    }
    if let Some(why) = &why_not {
        let name = format!("s3://{bucket}/{}/artifacts/", context.recipe.service);
        found.keep.push(Kept { name, why: why.clone() });
    }
    let digests: BTreeSet<&str> = images.iter().map(|image| image.digest.as_str()).collect();
    for Object { key, modified } in objects(context).await? {
        let mut parts = key.split('/').skip(1);
        let why = match (parts.next(), parts.next()) {
            (Some("manifests"), Some(digest)) if !digests.contains(digest) => "no AMI has its digest",
            (Some("artifacts"), Some(_)) if why_not.is_none() && !needed.contains(&key) => "no manifest names it",
            _ => continue,
        };
        let name = format!("s3://{bucket}/{key}");
        let thing = Kind::Object.named(name.clone());
        found.orphans.push(Orphan { name, why: why.to_owned(), created: modified, thing });
    }
    Ok(found)
}

/// The keys of everything that an image was made of.
fn artifacts(manifest: &Manifest) -> Vec<String> {
    let service = &manifest.service;
    let inputs = manifest.inputs.iter().map(|input| manifest::artifact_key(service, &input.sha256, &input.file));
    inputs
        .chain(manifest.documents().into_iter().map(|(file, digest)| manifest::artifact_key(service, &digest, file)))
        .collect()
}

async fn objects(context: &Context) -> Result<Vec<Object>> {
    let bucket = &context.environment.bucket;
    let list = context.clients.s3.list_objects_v2().bucket(bucket).prefix(format!("{}/", context.recipe.service));
    let mut pages = list.into_paginator().send();
    let mut objects = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) if error.code() == Some("NoSuchBucket") => break,
            Err(error) => return Err(aws::describe(&format!("list the objects of s3://{bucket}"), &error).into()),
        };
        let read = |object: &aws_sdk_s3::types::Object| {
            let modified = object.last_modified().and_then(|at| Timestamp::from_second(at.secs()).ok());
            Some(Object { key: object.key()?.to_owned(), modified })
        };
        objects.extend(page.contents().iter().filter_map(read));
    }
    Ok(objects)
}
