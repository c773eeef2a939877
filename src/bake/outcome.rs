//! How a bake went, kept beside the manifest of its image.

use std::collections::BTreeMap;

use aws_sdk_s3::primitives::ByteStream;

use super::baked::StageTime;
use super::journal::Release;
use crate::aws;
use crate::context::Context;
use crate::images;
use crate::manifest::{self, DiskProof, Outcome};

/// Keeps the AMI's id, the times of the steps, and what its disk was found to be. The image is made and proven: that this fails must not cost it.
pub(super) async fn keep(context: &Context, release: &Release, image_id: &str, stages: &[StageTime], disk: DiskProof) {
    let (image_id, stages) = (image_id.to_owned(), stages.to_vec());
    let outcome = Outcome { image_id, finished: jiff::Timestamp::now(), stages, disk: Some(disk) };
    let (bucket, key) = (
        &context.environment.bucket,
        manifest::document_key(&release.service, release.digest.as_str(), "outcome.json"),
    );
    let body = ByteStream::from(manifest::text(&outcome).into_bytes());
    if let Err(error) = context.clients.s3.put_object().bucket(bucket).key(&key).body(body).send().await {
        context.printer.talk(aws::describe(&format!("keep how the bake went as s3://{bucket}/{key}"), &error));
    }
}

/// How many seconds each step took when the newest image was baked; nothing where that is not known, which costs no bake.
pub(super) async fn last_times(context: &Context) -> BTreeMap<String, f64> {
    let last = async {
        let images = images::find(context).await?;
        let newest = images.iter().max_by_key(|image| image.created);
        match newest {
            Some(newest) => manifest::outcome(context, newest).await,
            None => Ok(None),
        }
    };
    let stages = last.await.ok().flatten().map(|outcome| outcome.stages).unwrap_or_default();
    stages.into_iter().map(|stage| (stage.name, stage.seconds)).collect()
}
