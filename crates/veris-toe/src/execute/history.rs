//! What the steps of a document left behind, which is where references get their values; `chaining.json`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::step::Place;
use crate::action::Outputs;
use crate::expression::{self, Chain, Reference, Side};
use crate::report::StepReport;

/// By phase, then by step.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct History(BTreeMap<String, BTreeMap<String, Record>>);

#[derive(Serialize)]
struct Record {
    inputs: Value,
    outputs: Outputs,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum NoValue {
    #[error("`{{{{ {0} }}}}` has no value: the step has not run here (build and test do not share values)")]
    NotRun(String),
    #[error("`{{{{ {0} }}}}` has no value: the step left none")]
    Missing(String),
    #[error("the parameter `{0}` has no value")]
    Variable(String),
}

impl History {
    /// The step's inputs with every reference replaced.
    pub(super) fn fill_in(&self, place: Place<'_>) -> Result<Value, NoValue> {
        expression::render(&place.step.inputs, &mut |reference| match reference {
            Reference::Variable(name) => {
                let value = place.assignment.variable(name);
                value.map(|value| Some(value.to_owned())).ok_or_else(|| NoValue::Variable(name.clone()))
            }
            Reference::Chain(chain) => self.value(chain).map(Some),
            Reference::Loop { .. } => Ok(None),
        })
    }

    pub(super) fn record(&mut self, place: Place<'_>, report: &StepReport) {
        let record = Record { inputs: report.inputs.clone(), outputs: report.outputs.clone() };
        self.0.entry(place.phase.to_owned()).or_default().insert(report.name.clone(), record);
    }

    fn value(&self, chain: &Chain) -> Result<String, NoValue> {
        let record = self.0.get(&chain.phase).and_then(|steps| steps.get(&chain.step));
        let record = record.ok_or_else(|| NoValue::NotRun(chain.to_string()))?;
        let input = |inputs: Option<&Value>| match inputs?.get(&chain.name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            scalar => Some(scalar.to_string()),
        };
        let value = match chain.side {
            Side::Outputs => record.outputs.get(&chain.name).cloned(),
            Side::Inputs(None) => input(Some(&record.inputs)),
            Side::Inputs(Some(index)) => input(record.inputs.get(index)),
        };
        value.ok_or_else(|| NoValue::Missing(chain.to_string()))
    }
}
