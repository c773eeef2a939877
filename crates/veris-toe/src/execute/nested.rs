//! `ExecuteDocument`: a document within a step.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::phases::{DocumentRun, Reboot};
use super::progress::{NestedProgress, Progress, StepProgress};
use super::step::{Place, Stop};
use crate::action::{ActionName, ExecuteDocument, Outputs, Source, StepContext};
use crate::document::{self, ParseError};
use crate::report::{Report, Status};
use crate::request::{Assignment, RequestError, check_phases, read_text};

/// Below the document that the run was asked for.
const MAX_LEVELS: usize = 3;

#[derive(Debug, thiserror::Error)]
pub(super) enum NestedError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Document(#[from] ParseError),
    #[error("{label} runs itself: it is among the documents that this step is in")]
    Cycle { label: String },
    #[error("{label} lies more than {MAX_LEVELS} levels deep in other documents")]
    TooDeep { label: String },
    #[error("cannot get {arn}: this needs Image Builder's GetComponent; name the document's file or its object in S3")]
    Component { arn: String },
    #[error("{failure}")]
    Failed { failure: String },
}

impl DocumentRun<'_> {
    /// The outputs are the nested run's summary.
    pub(super) fn nested(
        &self,
        inputs: &ExecuteDocument,
        place: &Place<'_>,
        state: &mut StepProgress,
        context: &StepContext<'_>,
    ) -> Result<Outputs, Stop> {
        let begun = state.attempt.nested.take();
        let text = match &begun {
            Some(nested) => nested.text.clone(),
            None => Self::read(inputs, context)?,
        };
        let label = inputs.source().to_string();
        let assignment = self.assignment(inputs, &label, &text)?;
        let mut nested = begun.unwrap_or_else(|| {
            let mut progress = Progress::new(Report::new(&self.run.request.execution_id, Timestamp::now()));
            progress.begin_document(&assignment.document);
            Box::new(NestedProgress { text, progress })
        });
        let phases = inputs.phases();
        let document = DocumentRun {
            run: self.run,
            assignment: &assignment,
            phases: phases.as_deref(),
            parent: Some(self),
            place: place.name.clone(),
        };
        if document.run(&mut nested.progress) == Err(Reboot) {
            state.attempt.nested = Some(nested);
            return Err(Stop::Reboot);
        }
        self.ended(nested.progress.report, state)
    }

    /// Keeps the report beside those of earlier iterations.
    fn ended(&self, report: Report, state: &mut StepProgress) -> Result<Outputs, Stop> {
        let summary = report.summary(self.run.recorder.borrow().folder());
        match &mut state.report.detailed_output {
            Some(earlier) => {
                earlier.status = earlier.status.max(report.status);
                earlier.end_time = report.end_time;
                earlier.documents.extend(report.documents);
            }
            none => *none = Some(Box::new(report)),
        }
        if summary.status == Status::Failed {
            return Err(NestedError::Failed { failure: summary.failure_message }.into());
        }
        Ok(summary.outputs())
    }

    fn read(inputs: &ExecuteDocument, context: &StepContext<'_>) -> Result<String, Stop> {
        match inputs.source() {
            Source::File(path) => Ok(read_text(path).map_err(NestedError::from)?),
            Source::Component(arn) => Err(NestedError::Component { arn: arn.clone() }.into()),
            Source::S3(uri) => {
                let copy = context.scratch.join("document.yaml");
                let owner = inputs.bucket_owner()?;
                let download = match owner {
                    Some(owner) => json!([{"source": uri, "destination": copy, "expectedBucketOwner": owner}]),
                    None => json!([{"source": uri, "destination": copy}]),
                };
                if let Ok(action) = ActionName::find("S3Download") {
                    action.run(&download, context)?;
                }
                Ok(read_text(&copy).map_err(NestedError::from)?)
            }
        }
    }

    /// Checked like a document of the command line, and not to be one of those around it.
    fn assignment(&self, inputs: &ExecuteDocument, label: &str, text: &str) -> Result<Assignment, NestedError> {
        let around: Vec<_> = std::iter::successors(Some(self), |document| document.parent).collect();
        let own_path = real_path(label);
        let is_same = |other: &Assignment| {
            other.text == text || own_path.is_some() && own_path == real_path(&other.document.label)
        };
        if around.iter().any(|document| is_same(document.assignment)) {
            return Err(NestedError::Cycle { label: label.to_owned() });
        }
        if around.len() > MAX_LEVELS {
            return Err(NestedError::TooDeep { label: label.to_owned() });
        }
        let document = document::parse(text, label)?;
        let assignment = Assignment::new(document, text.to_owned(), inputs.parameters())?;
        if let Some(phases) = inputs.phases() {
            check_phases(&phases, std::slice::from_ref(&assignment))?;
        }
        Ok(assignment)
    }
}

fn real_path(label: &str) -> Option<PathBuf> {
    fs::canonicalize(Path::new(label)).ok()
}
