//! Copies the logs of a run that ended into a bucket.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Run;
use crate::action::{ActionError, ActionName, StepContext};
use crate::deadline::Deadline;
use crate::log_directory::LogDirectory;
use crate::request::LogBucket;

/// The steps are over: nobody waits longer for their logs.
const LIMIT: Duration = Duration::from_mins(10);

/// The logs are in their folder only.
#[derive(Debug, thiserror::Error)]
#[error("cannot copy the logs in {folder} to {destination}")]
pub struct CopyError {
    folder: String,
    destination: String,
    source: Box<ActionError>,
}

impl Run<'_> {
    /// Answers where they are. What the copying itself has to say is in the folder only.
    pub(super) fn copy_logs(&self, bucket: &LogBucket, logs: &LogDirectory) -> Result<String, CopyError> {
        let folder = logs.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let destination = match bucket.prefix.trim_matches('/') {
            "" => format!("s3://{}/{name}", bucket.name),
            prefix => format!("s3://{}/{prefix}/{name}", bucket.name),
        };
        let mut entry = json!({"source": folder, "destination": destination, "recurse": true});
        if let Some(owner) = &bucket.owner {
            entry["expectedBucketOwner"] = json!(owner);
        }
        let context = StepContext {
            voice: Arc::clone(&self.console).voice("[logs] "),
            deadline: Deadline::starting_now(Some(LIMIT)),
            scratch: &self.scratch,
            interrupt: &self.interrupt,
            aws: &self.aws,
        };
        match ActionName::find("S3Upload").map(|action| action.run(&json!([entry]), &context)) {
            Ok(Err(source)) => {
                Err(CopyError { folder: folder.display().to_string(), destination, source: Box::new(source) })
            }
            _ => Ok(destination),
        }
    }
}
