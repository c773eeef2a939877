//! Runs documents: all requested phases of one in document order, then the next document.

mod history;
mod step;

use std::fs;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;

use self::history::History;
use crate::console::Console;
use crate::document::{OnFailure, Phase};
use crate::environment::Aws;
use crate::interrupt::Interrupt;
use crate::log_directory::{LogDirectory, LogError};
use crate::report::{DocumentReport, PhaseReport, Report, Status, StepReport, StepStatus, Summary};
use crate::request::{Assignment, Request};

/// What a run needs from the process it runs in.
pub struct Surroundings {
    pub aws: Aws,
    pub interrupt: Arc<Interrupt>,
    /// Hears every line of the steps as it comes.
    pub mirror: Box<dyn Write + Send>,
    /// Whether the mirror hears what the runner does, too.
    pub trace: bool,
}

/// Runs a request to its end. A failing step is no error: it is in the summary. An error means that the run could not
/// write its logs.
pub fn run(request: &Request, surroundings: Surroundings) -> Result<Summary, LogError> {
    let start_time = Timestamp::now();
    let logs = LogDirectory::create(&request.log_directory, &request.execution_id, start_time)?;
    let Surroundings { aws, interrupt, mirror, trace } = surroundings;
    let console = Console::create(logs.path(), mirror, trace).map_err(LogError::of("create logs in", logs.path()))?;
    let state = request.state_directory.as_deref().unwrap_or(logs.path());
    fs::create_dir_all(state).map_err(LogError::of("create the folder", state))?;
    let scratch = tempfile::Builder::new().prefix("steps-").tempdir_in(state);
    let scratch = scratch.map_err(LogError::of("create a folder in", state))?;
    let run =
        Run { request, console: Arc::new(console), interrupt, aws, scratch: scratch.path().to_owned(), logs: &logs };
    let mut histories = Vec::new();
    let mut report = Report {
        execution_id: request.execution_id.to_string(),
        status: Status::Success,
        start_time,
        end_time: start_time,
        failure_message: String::new(),
        documents: Vec::new(),
    };
    for (position, assignment) in request.documents.iter().enumerate() {
        logs.keep_document(position, &assignment.document.label, &assignment.text)?;
        let mut history = History::default();
        let document = run.document(assignment, &mut history);
        report.end_time = document.end_time;
        report.status = report.status.max(document.status);
        report.failure_message.clone_from(&document.failure_message);
        report.documents.push(document);
        histories.push(history);
        run.logs.write_json("detailedoutput.json", &report)?;
        run.logs.write_json("chaining.json", &histories)?;
        if report.status == Status::Failed {
            break;
        }
    }
    let summary = report.summary(logs.path().display().to_string());
    run.console.note(&format!("the run ended: {:?}", summary.status));
    Ok(summary)
}

/// What stays the same during a run.
struct Run<'a> {
    request: &'a Request,
    console: Arc<Console>,
    interrupt: Arc<Interrupt>,
    aws: Aws,
    scratch: std::path::PathBuf,
    logs: &'a LogDirectory,
}

impl Run<'_> {
    fn document(&self, assignment: &Assignment, history: &mut History) -> DocumentReport {
        let document = &assignment.document;
        let mut report = DocumentReport {
            name: document.name.clone(),
            file_path: document.label.clone(),
            status: Status::Success,
            start_time: Timestamp::now(),
            end_time: Timestamp::now(),
            failure_message: String::new(),
            phases: Vec::new(),
        };
        self.console.note(&format!("document {} begins", document.label));
        let wanted = |phase: &&Phase| self.request.phases.as_ref().is_none_or(|phases| phases.contains(&phase.name));
        for phase in document.phases.iter().filter(wanted) {
            let (phase, goes_on) = self.phase(assignment, phase, history);
            report.status = report.status.max(phase.status);
            if report.failure_message.is_empty() && phase.status == Status::Failed {
                report.failure_message = format!("document {}: {}", document.label, phase.failure_message);
            }
            report.phases.push(phase);
            if !goes_on {
                break;
            }
        }
        report.end_time = Timestamp::now();
        self.console.note(&format!("document {} ended: {:?}", document.label, report.status));
        report
    }

    /// The second answer is whether the document goes on, which a failure with `onFailure: Continue` lets it.
    fn phase(&self, assignment: &Assignment, phase: &Phase, history: &mut History) -> (PhaseReport, bool) {
        let mut report = PhaseReport {
            name: phase.name.clone(),
            status: Status::Success,
            start_time: Timestamp::now(),
            end_time: Timestamp::now(),
            failure_message: String::new(),
            steps: Vec::new(),
        };
        let mut goes_on = true;
        for step in &phase.steps {
            let place = step::Place { assignment, phase: &phase.name, step };
            let step = self.step(place, history);
            report.status = report.status.max(step.status.into());
            if report.failure_message.is_empty() && step.status == StepStatus::Failed {
                report.failure_message =
                    format!("phase `{}`: step `{}` ({}): {}", phase.name, step.name, step.action, step.failure_message);
            }
            goes_on = self.goes_on_after(&step);
            report.steps.push(step);
            if !goes_on {
                break;
            }
        }
        report.end_time = Timestamp::now();
        (report, goes_on)
    }

    fn goes_on_after(&self, step: &StepReport) -> bool {
        let has_failed = step.status == StepStatus::Failed;
        self.interrupt.signal().is_none() && !(has_failed && step.on_failure == OnFailure::Abort)
    }
}
