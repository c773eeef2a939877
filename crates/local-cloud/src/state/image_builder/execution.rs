//! Workflow executions: what a build is doing, step by step.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One run of Amazon's `build-image` or `test-image` workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Workflow {
    pub workflow_build_version_arn: String,
    pub workflow_execution_id: String,
    pub image_build_version_arn: String,
    #[serde(rename = "type")]
    pub kind: WorkflowKind,
    pub status: WorkflowStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub start_time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    pub steps: Vec<Step>,
}

impl Workflow {
    /// How many steps have this status.
    pub fn count(&self, status: StepStatus) -> usize {
        self.steps.iter().filter(|step| step.status == status).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowKind {
    Build,
    Test,
}

impl WorkflowKind {
    /// The managed workflow's name and version in its ARN.
    pub fn path(self) -> &'static str {
        match self {
            Self::Build => "workflow/build/build-image/1.0.2/1",
            Self::Test => "workflow/test/test-image/1.0.2/1",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowStatus {
    Running,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    pub step_execution_id: String,
    pub name: String,
    pub action: String,
    pub status: StepStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A JSON document, as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StepStatus {
    Pending,
    Running,
    Completed,
    Skipped,
    Failed,
    Cancelled,
}
