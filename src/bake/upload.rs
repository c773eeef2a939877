//! Uploads artifacts, each under the digest of its content, so that no object ever changes.

use anyhow::Result;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use super::journal::{Journal, Kind};
use super::plan::{Artifact, Content, Plan};
use crate::aws;
use crate::context::Context;
use crate::environment::Target;
use crate::error::{internal, user};

/// Uploads what the bucket does not have yet.
pub(super) async fn all(context: &Context, plan: &Plan, journal: &mut Journal) -> Result<()> {
    let bucket = &context.environment.bucket;
    let mut stage = context.printer.stage(format!("upload to s3://{bucket}"));
    ensure_bucket(context).await?;
    let mut uploaded = 0;
    let artifacts: Vec<_> = plan.artifacts.iter().cloned().chain(plan.documents()).collect();
    for artifact in &artifacts {
        if !exists(context, artifact).await? {
            stage.update(&artifact.key);
            journal.will_create(&Kind::Object.named(format!("s3://{bucket}/{}", artifact.key)))?;
            put(context, artifact).await?;
            uploaded += 1;
        }
    }
    stage.done(format!("{uploaded} of {} files were new", artifacts.len()));
    Ok(())
}

/// The local cloud's bucket is made at the first bake. In AWS a bucket is the account owner's decision.
async fn ensure_bucket(context: &Context) -> Result<()> {
    let (s3, bucket) = (&context.clients.s3, &context.environment.bucket);
    let Err(error) = s3.head_bucket().bucket(bucket).send().await else { return Ok(()) };
    let is_absent = error.raw_response().is_some_and(|response| response.status().as_u16() == 404);
    if !is_absent {
        return Err(aws::describe(&format!("look at the bucket `{bucket}`"), &error).into());
    }
    if context.environment.target == Target::Aws {
        let region = &context.environment.region;
        return Err(user(format!("there is no bucket `{bucket}`"))
            .hint(format!(
                "create it with `aws s3 mb s3://{bucket} --region {region}`, or correct `bucket` of environment `{}` in the recipe",
                context.environment.name
            ))
            .into());
    }
    let place = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::from(context.environment.region.as_str()))
        .build();
    match s3.create_bucket().bucket(bucket).create_bucket_configuration(place).send().await {
        Ok(_) => Ok(()),
        // Another bake was faster.
        Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
        Err(error) => Err(aws::describe(&format!("create the bucket `{bucket}`"), &error).into()),
    }
}

async fn exists(context: &Context, artifact: &Artifact) -> Result<bool> {
    let bucket = &context.environment.bucket;
    match context.clients.s3.head_object().bucket(bucket).key(&artifact.key).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 404) => Ok(false),
        Err(error) => Err(aws::describe(&format!("look at s3://{bucket}/{}", artifact.key), &error).into()),
    }
}

/// The file is read once more here: if it changed since it was digested, the object would lie about its content.
async fn put(context: &Context, artifact: &Artifact) -> Result<()> {
    let bucket = &context.environment.bucket;
    let bytes = match &artifact.content {
        Content::Text(text) => text.clone().into_bytes(),
        Content::File(path) => fs_err::tokio::read(path).await?,
    };
    if crate::digest::Sha256Digest::of(&bytes) != artifact.sha256 {
        return Err(internal(format!("the source of s3://{bucket}/{} changed during the bake", artifact.key))
            .hint("run the same command again")
            .into());
    }
    let put = context.clients.s3.put_object().bucket(bucket).key(&artifact.key).body(ByteStream::from(bytes));
    let attempted = || format!("upload s3://{bucket}/{}", artifact.key);
    put.send().await.map_err(|error| aws::describe(&attempted(), &error))?;
    Ok(())
}
