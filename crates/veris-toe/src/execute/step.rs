//! One step: whether it runs, its attempts, and what becomes of a failure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::MAX_REBOOTS;
use super::nested::NestedError;
use super::outside::Outside;
use super::phases::{DocumentRun, Reboot};
use super::progress::{Attempt, Kept, Progress, StepProgress, Withheld, withheld_name};
use super::values::{Iteration, NoValue, Values};
use crate::action::{ActionError, InputError};
use crate::condition::{Condition, ConditionError};
use crate::console::Voice;
use crate::document::{Branch, If, OnFailure, Step};
use crate::explain::explain;
use crate::report::{AttemptReport, DocumentReport, LoopReport, StepReport, StepStatus, entries};

/// A step and its surroundings, for as long as it runs.
pub(super) struct Place<'a> {
    pub(super) phase: &'a str,
    pub(super) step: &'a Step,
    /// What ran of the document so far.
    pub(super) document: Option<&'a DocumentReport>,
    withheld: &'a BTreeMap<String, Withheld>,
    pub(super) voice: Voice,
    /// `[phase] [step] `, with the places of the documents around.
    pub(super) name: String,
}

/// Why a step does not go on now.
pub(super) enum Stop {
    Reboot,
    Failed(StepError),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    NoValue(#[from] NoValue),
    #[error("`if`: {0}")]
    Test(String),
    #[error("`if`")]
    Condition(#[from] ConditionError),
    #[error("its `if` says Abort: {test} is {outcome}")]
    Aborted { test: String, outcome: bool },
    #[error("iteration {index} (`{value}`): {failure}")]
    Iteration { index: usize, value: String, failure: String },
    #[error("{0}")]
    Iterations(String),
    #[error("asks for another reboot, after {MAX_REBOOTS} in this run")]
    TooManyReboots,
    #[error(transparent)]
    Nested(#[from] NestedError),
    #[error(transparent)]
    Action(#[from] ActionError),
}

impl From<StepError> for Stop {
    fn from(error: StepError) -> Self {
        Self::Failed(error)
    }
}

impl From<NoValue> for Stop {
    fn from(error: NoValue) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ActionError> for Stop {
    fn from(error: ActionError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NestedError> for Stop {
    fn from(error: NestedError) -> Self {
        Self::Failed(error.into())
    }
}

impl StepError {
    pub(super) fn inputs(step: &Step, error: &InputError) -> Self {
        ActionError::Inputs { action: step.action.as_str(), message: error.to_string() }.into()
    }

    /// Another attempt would go the same way.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::NoValue(_) | Self::TooManyReboots | Self::Test(_) | Self::Aborted { .. } => true,
            Self::Action(error) => error.is_interrupt(),
            _ => false,
        }
    }
}

impl DocumentRun<'_> {
    /// Goes on with the step that a reboot interrupted, where there is one.
    pub(super) fn step(&self, phase: &str, step: &Step, progress: &mut Progress) -> Result<StepReport, Reboot> {
        let mut state = progress.step.take().unwrap_or_else(|| StepProgress::new(step));
        let name = format!("{}[{phase}] [{}] ", self.place, step.name);
        let console = &self.run.console;
        let voice = console.voice(&name);
        let voice = if step.disable_logging { voice.silent() } else { voice };
        let place = Place { phase, step, document: progress.document(), withheld: &progress.withheld, voice, name };
        console.milestone(&format!("Step {}", step.name));
        self.run.parameter_store.forget();
        match self.decided(&place, &mut state) {
            Ok(status) => state.report.status = status,
            Err(Stop::Reboot) => {
                state.mask(console.secrets());
                progress.step = Some(state);
                return Err(Reboot);
            }
            Err(Stop::Failed(error)) => self.failed(&place, &mut state.report, &error),
        }
        state.report.end_time = Timestamp::now();
        console.note(&format!("{}{} ended: {:?}", place.name, step.action, state.report.status));
        if let Some(withheld) = self.withhold(step, &mut state.report) {
            progress.withheld.insert(withheld_name(phase, &step.name), withheld);
        }
        Ok(state.report)
    }

    /// Takes out of the report what it must not show.
    fn withhold(&self, step: &Step, report: &mut StepReport) -> Option<Withheld> {
        let secrets = self.run.console.secrets();
        if !step.disable_logging && secrets.is_empty() {
            return None;
        }
        let kept = Kept { inputs: report.inputs.clone(), outputs: report.outputs.clone() };
        let is_secret = secrets.mask_report(report);
        if step.disable_logging {
            report.inputs = entries(step.inputs.clone());
            report.outputs.clear();
        }
        match (is_secret, step.disable_logging) {
            (true, _) => Some(Withheld::Secret(Some(kept))),
            (false, true) => Some(Withheld::Output(kept)),
            (false, false) => None,
        }
    }

    pub(super) fn values<'a>(&'a self, place: &Place<'a>, iteration: Option<Iteration<'a>>) -> Values<'a> {
        let run = self.run;
        let outside = Outside {
            aws: &run.aws,
            parameter_store: &run.parameter_store,
            execution_id: &run.request.execution_id,
            phase: place.phase,
            step: &place.step.name,
        };
        Values { assignment: self.assignment, document: place.document, withheld: place.withheld, iteration, outside }
    }

    fn decided(&self, place: &Place<'_>, state: &mut StepProgress) -> Result<StepStatus, Stop> {
        let values = self.values(place, None);
        let branch = match (state.branch, &place.step.r#if) {
            (Some(branch), _) => branch,
            (None, Some(r#if)) => decide(r#if, &values)?,
            (None, None) => Branch::Execute,
        };
        state.branch = Some(branch);
        if branch == Branch::Skip {
            place.voice.line("skipped by its `if`");
            return Ok(StepStatus::Skipped);
        }
        if let (Some(r#loop), None) = (&place.step.r#loop, &state.values) {
            state.values = Some(values.of_loop(&r#loop.over)?);
        }
        self.attempts(place, state)?;
        Ok(StepStatus::Success)
    }

    /// Until one succeeds or none is left; a signal ends them all.
    fn attempts(&self, place: &Place<'_>, state: &mut StepProgress) -> Result<(), Stop> {
        let max_attempts = place.step.max_attempts.get();
        loop {
            let outcome = self.attempt(place, state);
            if let Err(Stop::Reboot) = outcome {
                return outcome;
            }
            let failure = match &outcome {
                Err(Stop::Failed(error)) => Some(error),
                _ => None,
            };
            let failure_message = failure.map(|error| told(place.step, error)).unwrap_or_default();
            state.report.outputs = state.attempt.joined();
            let (start_time, end_time) = (state.attempt.start_time, Timestamp::now());
            state.report.attempts.push(AttemptReport { start_time, end_time, failure_message });
            let number = u32::try_from(state.report.attempts.len()).unwrap_or(u32::MAX);
            let Some(error) = failure.filter(|error| number < max_attempts && !error.is_final()) else {
                return outcome;
            };
            place.voice.line(&format!("attempt {number} of {max_attempts} failed: {}", told(place.step, error)));
            state.attempt = Attempt::new(Timestamp::now());
            state.report.r#loop = None;
        }
    }

    fn failed(&self, place: &Place<'_>, report: &mut StepReport, error: &StepError) {
        report.failure_message = told(place.step, error);
        report.status = match place.step.on_failure {
            OnFailure::Ignore if self.run.interrupt.signal().is_none() => StepStatus::IgnoredFailure,
            _ => StepStatus::Failed,
        };
        let ignored = if report.status == StepStatus::IgnoredFailure { " (ignored)" } else { "" };
        // The lines of a program were shown as they came; its failure is one line.
        let first = report.failure_message.lines().next().unwrap_or_default();
        place.voice.line(&format!("failed{ignored}: {}", first.trim_end_matches("; its last lines:")));
    }
}

/// Without the last lines of a program that are for nobody to see.
pub(super) fn told(step: &Step, error: &StepError) -> String {
    let message = explain(error);
    match message.split_once("; its last lines:") {
        Some((first, _)) if step.disable_logging => format!("{first}; its output is withheld (`disableLogging`)"),
        _ => message,
    }
}

fn decide(r#if: &If, values: &Values<'_>) -> Result<Branch, StepError> {
    let test = Condition::parse(&values.fill_in(&r#if.test)?).map_err(StepError::Test)?;
    let outcome = test.evaluate()?;
    match if outcome { r#if.then } else { r#if.r#else } {
        Branch::Abort => Err(StepError::Aborted { test: test.to_string(), outcome }),
        branch => Ok(branch),
    }
}

/// The record of a loop, begun at its first iteration.
pub(super) fn loop_report<'a>(report: &'a mut StepReport, step: &Step) -> &'a mut LoopReport {
    let name = step.r#loop.as_ref().and_then(|r#loop| r#loop.name.clone());
    report.r#loop.get_or_insert_with(|| LoopReport { name, iterations: Vec::new() })
}
