//! How far a run is: what ended, and what the step it stands in has done. A run that waits for a reboot is this, saved.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Outputs;
use crate::document::{Branch, Document, Phase, Step};
use crate::report::{DocumentReport, PhaseReport, Report, Status, StepReport, StepStatus};
use crate::secrets::Secrets;

/// The last document of the report is the one that runs, its last phase too.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    pub(super) report: Report,
    /// The step that a reboot interrupted.
    pub(super) step: Option<StepProgress>,
    /// Of steps of this document, by [`withheld_name`]: what later steps may refer to, but the report must not show.
    pub(super) withheld: BTreeMap<String, Withheld>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Withheld {
    /// By `disableLogging`.
    Output(Kept),
    /// Because a `SecureString` is in it, which no file may hold: gone after a reboot.
    Secret(#[serde(skip)] Option<Kept>),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) inputs: Vec<Value>,
    pub(super) outputs: Outputs,
}

pub(super) fn withheld_name(phase: &str, step: &str) -> String {
    format!("{phase}\n{step}")
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StepProgress {
    pub(super) report: StepReport,
    /// What the step's `if` decided, once it has.
    pub(super) branch: Option<Branch>,
    /// What a loop goes over, once it began.
    pub(super) values: Option<Vec<String>>,
    pub(super) attempt: Attempt,
}

/// The attempt that goes on. Without a loop it has one iteration.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attempt {
    pub(super) start_time: Timestamp,
    /// How many iterations ended.
    pub(super) iterations: usize,
    /// Of the iterations that succeeded.
    pub(super) outputs: BTreeMap<String, Vec<String>>,
    /// Of the first iteration that failed.
    pub(super) failure: Option<String>,
    /// Inside of an `ExecuteDocument` step.
    pub(super) nested: Option<Box<NestedProgress>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NestedProgress {
    /// As it was read, so that a reboot cannot change it.
    pub(super) text: String,
    pub(super) progress: Progress,
}

impl Progress {
    pub(super) fn new(report: Report) -> Self {
        Self { report, step: None, withheld: BTreeMap::new() }
    }

    pub(super) fn begin_document(&mut self, document: &Document) {
        self.withheld.clear();
        let now = Timestamp::now();
        self.report.documents.push(DocumentReport {
            name: document.name.clone(),
            file_path: document.label.clone(),
            status: Status::Success,
            description: document.description.clone(),
            start_time: now,
            end_time: now,
            failure_message: String::new(),
            phases: Vec::new(),
        });
    }

    pub(super) fn begin_phase(&mut self, phase: &Phase) {
        let now = Timestamp::now();
        if let Some(document) = self.report.documents.last_mut() {
            document.phases.push(PhaseReport {
                name: phase.name.clone(),
                status: Status::Success,
                start_time: now,
                end_time: now,
                failure_message: String::new(),
                steps: Vec::new(),
            });
        }
    }

    /// The document that runs.
    pub(super) fn document(&self) -> Option<&DocumentReport> {
        self.report.documents.last()
    }

    /// A step ended, and with it whatever it is the last of; the first failure is what phase, document and run are about.
    pub(super) fn end_step(&mut self, step: StepReport) {
        let (status, end_time) = (Status::from(step.status), step.end_time);
        let Report { documents, status: run_status, end_time: run_end, failure_message: run_failure, .. } =
            &mut self.report;
        let Some(document) = documents.last_mut() else { return };
        let Some(phase) = document.phases.last_mut() else { return };
        if step.status == StepStatus::Failed && phase.failure_message.is_empty() {
            let StepReport { name, action, failure_message, .. } = &step;
            phase.failure_message = format!("phase `{}`: step `{name}` ({action}): {failure_message}", phase.name);
        }
        if document.failure_message.is_empty() && !phase.failure_message.is_empty() {
            document.failure_message = format!("document {}: {}", document.file_path, phase.failure_message);
        }
        if run_failure.is_empty() {
            run_failure.clone_from(&document.failure_message);
        }
        phase.steps.push(step);
        (phase.end_time, document.end_time, *run_end) = (end_time, end_time, end_time);
        phase.status = phase.status.max(status);
        document.status = document.status.max(status);
        *run_status = (*run_status).max(status);
    }
}

impl StepProgress {
    pub(super) fn new(step: &Step) -> Self {
        let now = Timestamp::now();
        Self { report: StepReport::new(step, now), branch: None, values: None, attempt: Attempt::new(now) }
    }

    /// Before it is saved. What a loop goes over is asked anew where a secret is in it.
    pub(super) fn mask(&mut self, secrets: &Secrets) {
        secrets.mask_report(&mut self.report);
        self.values.take_if(|values| values.iter().any(|value| secrets.mask(value) != *value));
        let outputs = self.attempt.outputs.values_mut().flatten();
        for text in outputs.chain(&mut self.attempt.failure) {
            secrets.mask_text(text);
        }
    }
}

impl Attempt {
    pub(super) fn new(start_time: Timestamp) -> Self {
        Self { start_time, iterations: 0, outputs: BTreeMap::new(), failure: None, nested: None }
    }

    pub(super) fn keep(&mut self, outputs: Outputs) {
        for (name, value) in outputs {
            self.outputs.entry(name).or_default().push(value);
        }
    }

    /// Those of the iterations, joined with newlines.
    pub(super) fn joined(&self) -> Outputs {
        self.outputs.iter().map(|(name, values)| (name.clone(), values.join("\n"))).collect()
    }
}
