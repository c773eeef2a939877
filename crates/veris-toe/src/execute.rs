//! Runs documents: all requested phases of one in document order, then the next document.

mod log_copy;
mod nested;
mod outside;
mod phases;
mod progress;
mod recorder;
mod repetition;
mod state;
mod step;
mod values;

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

pub use self::log_copy::CopyError;
pub use self::state::StateError;

use self::phases::{DocumentRun, Reboot};
use self::progress::Progress;
use self::recorder::Recorder;
use self::state::{Resumed, StateFile};
use crate::console::Console;
use crate::environment::Aws;
use crate::interrupt::Interrupt;
use crate::log_directory::{LogDirectory, LogError};
use crate::parameter_store::ParameterStore;
use crate::report::{Report, Status, Summary};
use crate::request::Request;

/// How often one run may have the machine rebooted. A step that asks for a reboot each time it runs fails then.
pub const MAX_REBOOTS: u32 = 15;

/// What a run needs from the process it runs in.
pub struct Surroundings {
    pub aws: Aws,
    pub interrupt: Arc<Interrupt>,
    /// Hears every line of the steps as it comes.
    pub mirror: Box<dyn Write + Send>,
    /// Whether the mirror hears what the runner does, too.
    pub trace: bool,
}

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    pub summary: Summary,
    /// What the logs lack, where not everything could be written to them. The steps ran nevertheless.
    pub incomplete_logs: Option<LogError>,
    /// Why the logs are not in the bucket they were asked into.
    pub not_copied: Option<CopyError>,
}

/// Why a run did not begin, or could not be left for a reboot.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Runs a request to its end, or until a step needs a reboot; the same request goes on from there. A failing step is no
/// error: it is in the summary.
pub fn run(request: &Request, surroundings: Surroundings) -> Result<Outcome, RunError> {
    let file = StateFile::of(request);
    let resumed = file.take(request)?;
    let now = Timestamp::now();
    let logs = match &resumed {
        Some(resumed) => LogDirectory::reopen(&resumed.log_directory)?,
        None => LogDirectory::create(&request.log_directory, &request.execution_id, now)?,
    };
    let Surroundings { aws, interrupt, mirror, trace } = surroundings;
    let console = Console::open(logs.path(), mirror, trace).map_err(LogError::of("create logs in", logs.path()))?;
    let state = request.state_directory.as_deref().unwrap_or(logs.path());
    fs::create_dir_all(state).map_err(LogError::of("create the folder", state))?;
    let scratch = tempfile::Builder::new().prefix("steps-").tempdir_in(state);
    let scratch = scratch.map_err(LogError::of("create a folder in", state))?;
    let (mut progress, reboots) = match resumed {
        Some(Resumed { progress, reboots, .. }) => (progress, reboots),
        None => (Progress::new(Report::new(&request.execution_id, now)), 0),
    };
    let console = Arc::new(console);
    let run = Run {
        request,
        parameter_store: ParameterStore::new(aws.clone(), Arc::clone(&interrupt), Arc::clone(&console)),
        console,
        interrupt,
        aws,
        scratch: scratch.path().to_owned(),
        recorder: RefCell::new(Recorder::new(logs.clone())),
        reboots,
    };
    let mut summary = run.summary(&logs, &file, &mut progress)?;
    let bucket = request.log_bucket.as_ref().filter(|_| summary.status != Status::RebootRequired);
    let copied = bucket.map(|bucket| run.copy_logs(bucket, &logs)).transpose();
    let not_copied = match copied {
        Ok(place) => {
            summary.log_url = place.unwrap_or(summary.log_url);
            None
        }
        Err(error) => Some(error),
    };
    let incomplete_logs = run.recorder.into_inner().failure.or_else(|| {
        let lost = run.console.take_lost()?;
        Some(LogError::of("write all lines to the logs in", logs.path())(lost))
    });
    Ok(Outcome { summary, incomplete_logs, not_copied })
}

/// What stays the same during a run.
struct Run<'a> {
    request: &'a Request,
    console: Arc<Console>,
    interrupt: Arc<Interrupt>,
    aws: Aws,
    parameter_store: ParameterStore,
    scratch: PathBuf,
    recorder: RefCell<Recorder>,
    /// How often the machine was rebooted for this run.
    reboots: u32,
}

impl Run<'_> {
    fn summary(&self, logs: &LogDirectory, file: &StateFile, progress: &mut Progress) -> Result<Summary, RunError> {
        let beginning = if self.reboots == 0 { "the run begins" } else { "the run goes on after a reboot" };
        self.console.milestone(beginning);
        let outcome = self.documents(logs, progress);
        self.recorder.borrow_mut().write(&progress.report, self.request);
        let mut summary = progress.report.summary(logs.path().display().to_string());
        if outcome? == Err(Reboot) {
            file.save(self.request, logs.path(), self.reboots + 1, progress)?;
            summary.status = Status::RebootRequired;
        } else {
            file.remove();
        }
        self.console.milestone(match summary.status {
            Status::Failed => "TOE has completed execution with failure",
            Status::RebootRequired => "TOE waits for a reboot, after which the same command goes on from here",
            Status::Success | Status::SuccessWithIgnoredFailure => "TOE has completed execution successfully",
        });
        Ok(summary)
    }

    fn documents(&self, logs: &LogDirectory, progress: &mut Progress) -> Result<Result<(), Reboot>, RunError> {
        for (index, assignment) in self.request.documents.iter().enumerate() {
            // A resumed run has the reports of what ended before, and of the document that it goes on with.
            if index + 1 < progress.report.documents.len() {
                continue;
            }
            if index == progress.report.documents.len() {
                logs.keep_document(index, &assignment.document.label, &assignment.text)?;
                progress.begin_document(&assignment.document);
            }
            let document = DocumentRun::top(self, assignment);
            if document.run(progress) == Err(Reboot) {
                return Ok(Err(Reboot));
            }
            if progress.report.status == Status::Failed {
                break;
            }
        }
        Ok(Ok(()))
    }
}
