//! Logs of build and test instances in the bucket that the infrastructure configuration names.

use super::plan::Plan;
use super::seed::Stage;
use crate::cloud::Cloud;

/// Keeps what an instance's agent has written. A missing bucket fails no build, as on AWS.
pub(super) fn keep(cloud: &Cloud, plan: &Plan, stage: &Stage, text: &str) {
    let logs = plan.infrastructure.logging.as_ref().and_then(|logging| logging.s3_logs.as_ref());
    let Some(bucket) = logs.and_then(|logs| logs.s3_bucket_name.as_ref()) else { return };
    let bucket_directory = cloud.layout.buckets().join(bucket);
    if !bucket_directory.is_dir() {
        tracing::warn!(%bucket, image = %plan.image_arn, "the bucket for logs does not exist; the log is not kept");
        return;
    }
    let prefix = logs.and_then(|logs| logs.s3_key_prefix.as_deref()).unwrap_or_default();
    let image = plan.image_arn.rsplit_once(":image/").map_or("image", |(_, image)| image);
    let path = bucket_directory.join(prefix).join(image).join(format!("{}.log", stage.title().to_lowercase()));
    let directory = path.parent().unwrap_or(&bucket_directory);
    if let Err(error) = fs_err::create_dir_all(directory).and_then(|()| fs_err::write(&path, text)) {
        tracing::warn!(%error, image = %plan.image_arn, "the log could not be kept");
    }
}
