//! One step: its inputs, its attempts, and what becomes of a failure.

use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use super::Run;
use super::history::{History, NoValue};
use crate::action::{ActionError, Outputs, StepContext};
use crate::deadline::Deadline;
use crate::document::{OnFailure, Step};
use crate::explain::explain;
use crate::report::{AttemptReport, StepReport, StepStatus};
use crate::request::Assignment;

#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) assignment: &'a Assignment,
    pub(super) phase: &'a str,
    pub(super) step: &'a Step,
}

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    NoValue(#[from] NoValue),
    #[error(transparent)]
    Action(#[from] ActionError),
}

impl Run<'_> {
    pub(super) fn step(&self, place: Place<'_>, history: &mut History) -> StepReport {
        let Place { phase, step, .. } = place;
        let mut report = started(step);
        self.console.note(&format!("[{phase}] [{}] {} begins", step.name, step.action));
        match history.fill_in(place) {
            Ok(inputs) => {
                report.inputs = inputs;
                match self.attempts(place, &mut report) {
                    Ok(outputs) => report.outputs = outputs,
                    Err(error) => self.failed(place, &mut report, &error),
                }
                history.record(place, &report);
            }
            Err(error) => self.failed(place, &mut report, &error.into()),
        }
        report.end_time = Timestamp::now();
        self.console.note(&format!("[{phase}] [{}] ended: {:?}", step.name, report.status));
        report
    }

    /// Until one succeeds or none is left; a signal ends them all.
    fn attempts(&self, place: Place<'_>, report: &mut StepReport) -> Result<Outputs, StepError> {
        let max_attempts = place.step.max_attempts.get();
        let mut number = 0;
        loop {
            number += 1;
            let start_time = Timestamp::now();
            let outcome = self.attempt(place, &report.inputs);
            let failure_message = outcome.as_ref().err().map(|error| explain(error)).unwrap_or_default();
            report.attempts.push(AttemptReport { start_time, end_time: Timestamp::now(), failure_message });
            match outcome {
                Err(error) if number < max_attempts && !error.is_interrupt() => {
                    let voice = self.console.voice(place.phase, &place.step.name);
                    voice.line(&format!("attempt {number} of {max_attempts} failed: {}", explain(&error)));
                }
                outcome => return outcome.map_err(StepError::from),
            }
        }
    }

    /// With a time limit and a scratch folder of its own.
    fn attempt(&self, place: Place<'_>, inputs: &Value) -> Result<Outputs, ActionError> {
        let scratch = self.scratch.join("attempt");
        fs::create_dir(&scratch).map_err(ActionError::file("create the folder", &scratch))?;
        let context = StepContext {
            voice: self.console.voice(place.phase, &place.step.name),
            deadline: Deadline::starting_now(place.step.timeout),
            scratch: &scratch,
            interrupt: &self.interrupt,
            aws: &self.aws,
        };
        let outcome = place.step.action.run(inputs, &context);
        fs::remove_dir_all(&scratch).map_err(ActionError::file("remove the folder", &scratch))?;
        outcome
    }

    fn failed(&self, place: Place<'_>, report: &mut StepReport, error: &StepError) {
        let is_interrupt = matches!(error, StepError::Action(error) if error.is_interrupt());
        report.failure_message = explain(error);
        report.status = match place.step.on_failure {
            OnFailure::Ignore if !is_interrupt => StepStatus::IgnoredFailure,
            _ => StepStatus::Failed,
        };
        let ignored = if report.status == StepStatus::IgnoredFailure { " (ignored)" } else { "" };
        let voice = self.console.voice(place.phase, &place.step.name);
        // The lines of a program were shown as they came; its failure is one line.
        let first = report.failure_message.lines().next().unwrap_or_default();
        voice.line(&format!("failed{ignored}: {}", first.trim_end_matches("; its last lines:")));
    }
}

fn started(step: &Step) -> StepReport {
    StepReport {
        name: step.name.clone(),
        action: step.action.as_str(),
        status: StepStatus::Success,
        start_time: Timestamp::now(),
        end_time: Timestamp::now(),
        failure_message: String::new(),
        timeout_seconds: step.timeout.map_or(-1, |limit| i64::try_from(limit.as_secs()).unwrap_or(i64::MAX)),
        on_failure: step.on_failure,
        max_attempts: step.max_attempts.get(),
        inputs: step.inputs.clone(),
        outputs: Outputs::new(),
        r#loop: None,
        attempts: Vec::new(),
    }
}
