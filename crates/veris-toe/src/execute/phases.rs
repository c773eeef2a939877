//! One document: its phases, their steps, and what a failure ends.

use super::Run;
use super::progress::Progress;
use crate::document::{OnFailure, Phase};
use crate::report::StepStatus;
use crate::request::Assignment;

/// The run has to stop for a reboot; its progress says where it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reboot;

pub(super) struct DocumentRun<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) assignment: &'a Assignment,
    /// `None` runs every phase.
    pub(super) phases: Option<&'a [String]>,
    /// Whose step runs this document.
    pub(super) parent: Option<&'a DocumentRun<'a>>,
    /// What lines of its steps begin with, before their own place.
    pub(super) place: String,
}

impl<'a> DocumentRun<'a> {
    pub(super) fn top(run: &'a Run<'a>, assignment: &'a Assignment) -> Self {
        Self { run, assignment, phases: run.request.phases.as_deref(), parent: None, place: String::new() }
    }

    /// Goes on where `progress` stands: at the beginning, or where a reboot interrupted.
    pub(super) fn run(&self, progress: &mut Progress) -> Result<(), Reboot> {
        let document = &self.assignment.document;
        self.run.console.milestone(&format!("Document {}", document.label));
        let wanted = |phase: &&Phase| self.phases.is_none_or(|phases| phases.contains(&phase.name));
        for (index, phase) in document.phases.iter().filter(wanted).enumerate() {
            let begun = progress.document().map_or(0, |document| document.phases.len());
            if index == begun {
                progress.begin_phase(phase);
            }
            let ended = match progress.document().and_then(|document| document.phases.get(index)) {
                Some(report) => report.steps.len(),
                None => 0,
            };
            if !self.phase(phase, ended, progress)? {
                break;
            }
        }
        Ok(())
    }

    /// Whether the document goes on after it, which a failure with `onFailure: Continue` lets it.
    fn phase(&self, phase: &Phase, ended: usize, progress: &mut Progress) -> Result<bool, Reboot> {
        if ended < phase.steps.len() {
            self.run.console.milestone(&format!("Phase {}", phase.name));
        }
        for step in phase.steps.iter().skip(ended) {
            let report = self.step(&phase.name, step, progress)?;
            let aborts = report.status == StepStatus::Failed && report.on_failure == OnFailure::Abort;
            progress.end_step(report);
            if self.parent.is_none() {
                self.run.recorder.borrow_mut().after_step(&progress.report, self.run.request);
            }
            if aborts || self.run.interrupt.signal().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
