//! What AWSTOE writes about a run: `detailedoutput.json` and the summary on stdout. The state of a run that waits for a
//! reboot holds the same records.

pub(crate) mod text;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Outputs;
use crate::document::{OnFailure, Step};
use crate::request::ExecutionId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    Success,
    /// Counts as success.
    SuccessWithIgnoredFailure,
    Failed,
    /// In a summary only: the run goes on after a reboot.
    RebootRequired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepStatus {
    Success,
    /// By its `if`; counts as success.
    Skipped,
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
    /// Without those that were skipped.
    pub executed_step_count: usize,
    pub ignored_failed_step_count: usize,
    /// Empty where nothing failed.
    pub failure_message: String,
    /// The folder with the logs, or where in S3 they were copied to.
    pub log_url: String,
}

/// `detailedoutput.json`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub execution_id: String,
    pub status: Status,
    #[serde(with = "text::seconds")]
    pub start_time: Timestamp,
    #[serde(with = "text::seconds")]
    pub end_time: Timestamp,
    pub failure_message: String,
    pub documents: Vec<DocumentReport>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentReport {
    pub name: Option<String>,
    pub file_path: String,
    pub status: Status,
    pub description: Option<String>,
    #[serde(with = "text::seconds")]
    pub start_time: Timestamp,
    #[serde(with = "text::seconds")]
    pub end_time: Timestamp,
    pub failure_message: String,
    pub phases: Vec<PhaseReport>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseReport {
    pub name: String,
    pub status: Status,
    #[serde(with = "text::seconds")]
    pub start_time: Timestamp,
    #[serde(with = "text::seconds")]
    pub end_time: Timestamp,
    pub failure_message: String,
    pub steps: Vec<StepReport>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    pub name: String,
    pub status: StepStatus,
    pub failure_message: String,
    /// -1 without a limit.
    pub timeout_seconds: i64,
    pub on_failure: OnFailure,
    pub max_attempts: u32,
    pub action: String,
    #[serde(with = "text::seconds")]
    pub start_time: Timestamp,
    #[serde(with = "text::seconds")]
    pub end_time: Timestamp,
    /// The entries as given to the last attempt; as written where a reference had no value.
    #[serde(with = "text::json")]
    pub inputs: Vec<Value>,
    #[serde(with = "text::outputs")]
    pub outputs: Outputs,
    pub r#loop: Option<LoopReport>,
    /// Of the document that an `ExecuteDocument` step ran.
    pub detailed_output: Option<Box<Report>>,
    pub attempts: Vec<AttemptReport>,
}

/// What a looped step did in its last attempt.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopReport {
    pub name: Option<String>,
    pub iterations: Vec<IterationReport>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IterationReport {
    pub index: usize,
    pub value: String,
    pub failure_message: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptReport {
    #[serde(with = "text::seconds")]
    pub start_time: Timestamp,
    #[serde(with = "text::seconds")]
    pub end_time: Timestamp,
    pub failure_message: String,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn new(id: &ExecutionId, now: Timestamp) -> Self {
        Self {
            execution_id: id.to_string(),
            status: Status::Success,
            start_time: now,
            end_time: now,
            failure_message: String::new(),
            documents: Vec::new(),
        }
    }

    pub fn summary(&self, log_url: String) -> Summary {
        let count = |counts: fn(StepStatus) -> bool| self.steps().filter(|step| counts(step.status)).count();
        Summary {
            execution_id: self.execution_id.clone(),
            status: self.status,
            failed_step_count: count(|status| status == StepStatus::Failed),
            executed_step_count: count(|status| status != StepStatus::Skipped),
            ignored_failed_step_count: count(|status| status == StepStatus::IgnoredFailure),
            failure_message: self.failure_message.clone(),
            log_url,
        }
    }

    pub fn steps(&self) -> impl Iterator<Item = &StepReport> {
        self.documents.iter().flat_map(|document| &document.phases).flat_map(|phase| &phase.steps)
    }
}

impl Summary {
    /// As `ExecuteDocument` leaves it to later steps.
    pub(crate) fn outputs(&self) -> Outputs {
        let Ok(Value::Object(entries)) = serde_json::to_value(self) else {
            return Outputs::new();
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        entries.into_iter().map(|(name, value)| (name, text(value))).collect()
    }
}

impl StepReport {
    /// Of a step that has not begun.
    pub(crate) fn new(step: &Step, now: Timestamp) -> Self {
        Self {
            name: step.name.clone(),
            status: StepStatus::Success,
            failure_message: String::new(),
            timeout_seconds: step.timeout.map_or(-1, |limit| i64::try_from(limit.as_secs()).unwrap_or(i64::MAX)),
            on_failure: step.on_failure,
            max_attempts: step.max_attempts.get(),
            action: step.action.to_string(),
            start_time: now,
            end_time: now,
            inputs: entries(step.inputs.clone()),
            outputs: Outputs::new(),
            r#loop: None,
            detailed_output: None,
            attempts: Vec::new(),
        }
    }
}

/// Inputs that are one map are a list of one entry, as in AWSTOE's files.
pub(crate) fn entries(inputs: Value) -> Vec<Value> {
    match inputs {
        Value::Array(entries) => entries,
        Value::Null => Vec::new(),
        entry => vec![entry],
    }
}

impl From<StepStatus> for Status {
    fn from(status: StepStatus) -> Self {
        match status {
            StepStatus::Success | StepStatus::Skipped => Self::Success,
            StepStatus::IgnoredFailure => Self::SuccessWithIgnoredFailure,
            StepStatus::Failed => Self::Failed,
        }
    }
}
