//! Writes `detailedoutput.json` and `chaining.json` while a run goes on.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::action::Outputs;
use crate::log_directory::{LogDirectory, LogError};
use crate::report::{LoopReport, Report, StepReport, text};
use crate::request::Request;

/// The files are written whole, and grow with the run. Waiting this many times as long as the last write took bounds
/// what they cost to a small part of the run, however many steps it has.
const PATIENCE: u32 = 20;

pub(super) struct Recorder {
    logs: LogDirectory,
    written: Instant,
    cost: Duration,
    /// The first write that failed.
    pub(super) failure: Option<LogError>,
}

#[derive(Serialize)]
struct ChainedDocument<'a> {
    phases: Vec<ChainedPhase<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChainedPhase<'a> {
    name: &'a str,
    is_selected: bool,
    steps: Vec<ChainedStep<'a>>,
}

#[derive(Serialize)]
struct ChainedStep<'a> {
    name: &'a str,
    #[serde(with = "text::json")]
    inputs: &'a [Value],
    #[serde(with = "text::outputs")]
    outputs: &'a Outputs,
    r#loop: Option<&'a LoopReport>,
    documents: Option<Vec<ChainedDocument<'a>>>,
}

impl Recorder {
    pub(super) fn new(logs: LogDirectory) -> Self {
        Self { logs, written: Instant::now(), cost: Duration::ZERO, failure: None }
    }

    /// The folder of the run, as text.
    pub(super) fn folder(&self) -> String {
        self.logs.path().display().to_string()
    }

    pub(super) fn after_step(&mut self, report: &Report, request: &Request) {
        if self.written.elapsed() >= self.cost * PATIENCE {
            self.write(report, request);
        }
    }

    /// A disk that is full now may have room later, so a failure is kept and the next write tries again.
    pub(super) fn write(&mut self, report: &Report, request: &Request) {
        let begun = Instant::now();
        let detailed = self.logs.write_json("detailedoutput.json", report);
        let written = detailed.and_then(|()| self.logs.write_json("chaining.json", &chaining(report, request)));
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
        self.written = Instant::now();
        self.cost = begun.elapsed();
    }
}

fn chaining<'a>(report: &'a Report, request: &'a Request) -> Vec<ChainedDocument<'a>> {
    let mut documents = ran(report);
    for (chained, assignment) in documents.iter_mut().zip(&request.documents) {
        let phases = request.phases.as_deref();
        let left_out = assignment
            .document
            .phases
            .iter()
            .filter(|phase| phases.is_some_and(|phases| !phases.contains(&phase.name)));
        chained.phases.extend(left_out.map(|phase| ChainedPhase {
            name: &phase.name,
            is_selected: false,
            steps: Vec::new(),
        }));
    }
    documents
}

fn ran(report: &Report) -> Vec<ChainedDocument<'_>> {
    let documents = report.documents.iter().map(|document| {
        let phases = document.phases.iter().map(|phase| ChainedPhase {
            name: &phase.name,
            is_selected: true,
            steps: phase.steps.iter().map(chained).collect(),
        });
        ChainedDocument { phases: phases.collect() }
    });
    documents.collect()
}

fn chained(step: &StepReport) -> ChainedStep<'_> {
    ChainedStep {
        name: &step.name,
        inputs: &step.inputs,
        outputs: &step.outputs,
        r#loop: step.r#loop.as_ref(),
        documents: step.detailed_output.as_deref().map(ran),
    }
}
