//! One attempt of a step: its action once, or once for each value of its loop.

use std::fs;

use super::MAX_REBOOTS;
use super::phases::DocumentRun;
use super::progress::StepProgress;
use super::step::{Place, StepError, Stop, loop_report, told};
use super::values::Iteration;
use crate::action::{ActionError, Flow, Outputs, StepContext};
use crate::deadline::Deadline;
use crate::document::OnFailure;
use crate::explain::explain;
use crate::process::ProcessError;
use crate::report::{IterationReport, entries};

/// What an iteration led to.
enum Done {
    Outputs(Outputs),
    /// It is over, and what comes next comes after a reboot.
    RebootFirst,
}

impl DocumentRun<'_> {
    /// All iterations that are left. One that fails ends the attempt, unless `onFailure` lets the step go on.
    pub(super) fn attempt(&self, place: &Place<'_>, state: &mut StepProgress) -> Result<(), Stop> {
        let deadline = Deadline::starting_now(place.step.timeout);
        let values = state.values.take();
        let outcome = self.iterations(place, state, values.as_deref(), deadline);
        state.values = values;
        outcome
    }

    fn iterations(
        &self,
        place: &Place<'_>,
        state: &mut StepProgress,
        values: Option<&[String]>,
        deadline: Deadline,
    ) -> Result<(), Stop> {
        let name = place.step.r#loop.as_ref().and_then(|r#loop| r#loop.name.as_deref());
        while state.attempt.iterations < values.map_or(1, <[String]>::len) {
            let index = state.attempt.iterations;
            let iteration = values.map(|values| Iteration { name, index, value: &values[index] });
            let outcome = self.iteration(place, state, iteration, deadline);
            if let Err(Stop::Reboot) = outcome {
                return Err(Stop::Reboot);
            }
            state.attempt.iterations += 1;
            let failure = Self::keep(place, state, iteration, outcome)?;
            if let Some(error) = failure {
                let goes_on = place.step.on_failure != OnFailure::Abort && !deadline.has_passed();
                if !goes_on || self.run.interrupt.signal().is_some() {
                    return Err(error.into());
                }
                place.voice.line(&explain(&error));
                state.attempt.failure.get_or_insert_with(|| explain(&error));
            }
        }
        match state.attempt.failure.take() {
            Some(failure) => Err(StepError::Iterations(failure).into()),
            None => Ok(()),
        }
    }

    /// Records the iteration. Its failure is the second answer where it is one of a loop, and ends the step otherwise.
    fn keep(
        place: &Place<'_>,
        state: &mut StepProgress,
        iteration: Option<Iteration<'_>>,
        outcome: Result<Done, Stop>,
    ) -> Result<Option<StepError>, Stop> {
        let failure = match &outcome {
            Err(Stop::Failed(error)) => told(place.step, error),
            _ => String::new(),
        };
        if let Some(Iteration { index, value, .. }) = iteration {
            let report = IterationReport { index, value: value.to_owned(), failure_message: failure.clone() };
            loop_report(&mut state.report, place.step).iterations.push(report);
        }
        match outcome {
            Ok(Done::Outputs(outputs)) => {
                state.attempt.keep(outputs);
                Ok(None)
            }
            // A value that is missing, or a signal, is no matter of this iteration.
            Err(Stop::Failed(error)) => match iteration {
                Some(Iteration { index, value, .. }) if !error.is_final() => {
                    Ok(Some(StepError::Iteration { index, value: value.to_owned(), failure }))
                }
                _ => Err(error.into()),
            },
            Ok(Done::RebootFirst) | Err(Stop::Reboot) => Err(Stop::Reboot),
        }
    }

    fn iteration(
        &self,
        place: &Place<'_>,
        state: &mut StepProgress,
        iteration: Option<Iteration<'_>>,
        deadline: Deadline,
    ) -> Result<Done, Stop> {
        let inputs = self.values(place, iteration).fill_in(&place.step.inputs)?;
        state.report.inputs = entries(inputs.clone());
        let flow = place.step.action.flow(&inputs).map_err(|error| StepError::inputs(place.step, &error))?;
        let outcome = self.with_context(place, deadline, |context| match flow {
            None => Ok(Done::Outputs(place.step.action.run(&inputs, context)?)),
            Some(Flow::Document(document)) => self.nested(&document, place, state, context).map(Done::Outputs),
            Some(Flow::Reboot(reboot)) => {
                // After the reboot this iteration is over, so that nothing is counted twice.
                self.may_reboot()?;
                reboot.wait(context)?;
                Ok(Done::RebootFirst)
            }
        });
        match outcome {
            Err(Stop::Failed(StepError::Action(ActionError::Process(ProcessError::Reboot { .. })))) => {
                self.may_reboot()?;
                place.voice.line("asks for a reboot, after which this step runs again");
                Err(Stop::Reboot)
            }
            outcome => outcome,
        }
    }

    fn may_reboot(&self) -> Result<(), StepError> {
        if self.run.reboots < MAX_REBOOTS { Ok(()) } else { Err(StepError::TooManyReboots) }
    }

    /// With a scratch folder of its own.
    fn with_context<T>(
        &self,
        place: &Place<'_>,
        deadline: Deadline,
        work: impl FnOnce(&StepContext<'_>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let depth = std::iter::successors(self.parent, |document| document.parent).count();
        let scratch = self.run.scratch.join(format!("attempt-{depth}"));
        fs::create_dir(&scratch).map_err(ActionError::file("create the folder", &scratch))?;
        let context = StepContext {
            voice: place.voice.clone(),
            deadline,
            scratch: &scratch,
            interrupt: &self.run.interrupt,
            aws: &self.run.aws,
        };
        let outcome = work(&context);
        fs::remove_dir_all(&scratch).map_err(ActionError::file("remove the folder", &scratch))?;
        outcome
    }
}
