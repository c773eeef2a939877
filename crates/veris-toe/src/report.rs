//! What AWSTOE writes about a run: `detailedoutput.json` and the summary on stdout.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::action::Outputs;
use crate::document::OnFailure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Status {
    Success,
    /// Counts as success.
    SuccessWithIgnoredFailure,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum StepStatus {
    Success,
    IgnoredFailure,
    Failed,
}

/// The one line of JSON on stdout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub execution_id: String,
    pub status: Status,
    pub failed_step_count: usize,
    pub executed_step_count: usize,
    pub ignored_failed_step_count: usize,
    /// Empty where nothing failed.
    pub failure_message: String,
    /// The folder with the logs.
    pub log_url: String,
}

/// `detailedoutput.json`
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub execution_id: String,
    pub status: Status,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub failure_message: String,
    pub documents: Vec<DocumentReport>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentReport {
    pub name: Option<String>,
    pub file_path: String,
    pub status: Status,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub failure_message: String,
    pub phases: Vec<PhaseReport>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseReport {
    pub name: String,
    pub status: Status,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub failure_message: String,
    pub steps: Vec<StepReport>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    pub name: String,
    pub action: &'static str,
    pub status: StepStatus,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub failure_message: String,
    /// -1 without a limit.
    pub timeout_seconds: i64,
    pub on_failure: OnFailure,
    pub max_attempts: u32,
    /// As given to the last attempt; as written where a reference had no value.
    pub inputs: Value,
    pub outputs: Outputs,
    pub r#loop: Option<Value>,
    pub attempts: Vec<AttemptReport>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptReport {
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub failure_message: String,
}

impl Report {
    pub fn summary(&self, log_url: String) -> Summary {
        let count = |status: Option<StepStatus>| {
            self.steps().filter(|step| status.is_none_or(|status| step.status == status)).count()
        };
        Summary {
            execution_id: self.execution_id.clone(),
            status: self.status,
            failed_step_count: count(Some(StepStatus::Failed)),
            executed_step_count: count(None),
            ignored_failed_step_count: count(Some(StepStatus::IgnoredFailure)),
            failure_message: self.failure_message.clone(),
            log_url,
        }
    }

    pub fn steps(&self) -> impl Iterator<Item = &StepReport> {
        self.documents.iter().flat_map(|document| &document.phases).flat_map(|phase| &phase.steps)
    }
}

impl From<StepStatus> for Status {
    fn from(status: StepStatus) -> Self {
        match status {
            StepStatus::Success => Self::Success,
            StepStatus::IgnoredFailure => Self::SuccessWithIgnoredFailure,
            StepStatus::Failed => Self::Failed,
        }
    }
}
