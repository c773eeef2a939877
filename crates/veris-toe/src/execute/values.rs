//! Where references get their values: from parameters and constants, from the steps that ran before, from the loop.

use std::collections::BTreeMap;

use serde_json::Value;

use super::outside::{Outside, OutsideError};
use super::progress::{Kept, Withheld, withheld_name};
use crate::document::Over;
use crate::expression::{self, Chain, LoopPart, Reference, Side, Template};
use crate::report::DocumentReport;
use crate::request::Assignment;

const SSM: &str = "aws:ssm:";
/// Each leaves a record.
const MAX_ITERATIONS: usize = 100_000;

#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) assignment: &'a Assignment,
    /// What ran of the document so far.
    pub(super) document: Option<&'a DocumentReport>,
    pub(super) withheld: &'a BTreeMap<String, Withheld>,
    pub(super) iteration: Option<Iteration<'a>>,
    pub(super) outside: Outside<'a>,
}

/// Of the loop that goes on.
#[derive(Clone, Copy)]
pub(super) struct Iteration<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) index: usize,
    pub(super) value: &'a str,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum NoValue {
    #[error("`{{{{ {0} }}}}` has no value: the step has not run here (build and test do not share values)")]
    NotRun(String),
    #[error("`{{{{ {0} }}}}` has no value: the step left none")]
    Missing(String),
    #[error(
        "`{{{{ {0} }}}}` has no value: it held a SecureString, which is not kept over a reboot; refer to `aws:ssm:` itself"
    )]
    Secret(String),
    #[error("the parameter `{0}` has no value")]
    Variable(String),
    #[error(transparent)]
    Outside(#[from] OutsideError),
    #[error("the loop has more than {MAX_ITERATIONS} iterations")]
    TooManyIterations,
}

impl Values<'_> {
    /// The tree with every reference replaced. `{{ loop.… }}` where there is no loop stays as it is written.
    pub(super) fn fill_in(&self, tree: &Value) -> Result<Value, NoValue> {
        expression::render(tree, &mut |reference| self.value(reference))
    }

    /// What a loop goes over.
    pub(super) fn of_loop(&self, over: &Over) -> Result<Vec<String>, NoValue> {
        let fill_in = |text: &String| Template::parse(text).render(|reference| self.value(reference));
        let values: Vec<String> = match over {
            Over::Range { start, end, update_by } => {
                let step = update_by.get();
                let within = |value: &i64| if step > 0 { value <= end } else { value >= end };
                let values = std::iter::successors(Some(*start), |value| value.checked_add(step));
                values.take_while(within).take(MAX_ITERATIONS + 1).map(|value| value.to_string()).collect()
            }
            Over::List(list) => list.iter().map(fill_in).collect::<Result<_, _>>()?,
            Over::Split { list, delimiter } => {
                fill_in(list)?.split(delimiter.as_str()).take(MAX_ITERATIONS + 1).map(str::to_owned).collect()
            }
        };
        if values.len() > MAX_ITERATIONS { Err(NoValue::TooManyIterations) } else { Ok(values) }
    }

    fn value(&self, reference: &Reference) -> Result<Option<String>, NoValue> {
        match reference {
            Reference::Variable(name) => self.variable(name).map(|value| Some(value.to_owned())),
            Reference::SsmName(of) => self.parameter_name(of).map(Some),
            Reference::Chain(chain) => self.chained(chain).map(Some),
            Reference::Loop { of, part } => {
                let ours = |iteration: &Iteration<'_>| of == "loop" || iteration.name == Some(of.as_str());
                Ok(self.iteration.filter(ours).map(|iteration| match part {
                    LoopPart::Index => iteration.index.to_string(),
                    LoopPart::Value => iteration.value.to_owned(),
                }))
            }
            outside => Ok(self.outside.value(outside)?),
        }
    }

    fn variable(&self, name: &str) -> Result<&str, NoValue> {
        self.assignment.variable(name).ok_or_else(|| NoValue::Variable(name.to_owned()))
    }

    /// Of the reference itself, or of the one that a parameter of the document holds.
    fn parameter_name(&self, of: &str) -> Result<String, NoValue> {
        let reference = if of.starts_with(SSM) { of } else { self.variable(of)? };
        let bare = reference.trim().trim_start_matches('{').trim_end_matches('}').trim();
        Ok(bare.strip_prefix(SSM).unwrap_or(bare).to_owned())
    }

    fn chained(&self, chain: &Chain) -> Result<String, NoValue> {
        let phase = self.document.and_then(|document| document.phases.iter().find(|phase| phase.name == chain.phase));
        // From the end, because references lead to what ran just before more often than not.
        let step = phase.and_then(|phase| phase.steps.iter().rev().find(|step| step.name == chain.step));
        let step = step.ok_or_else(|| NoValue::NotRun(chain.to_string()))?;
        let (inputs, outputs) = match self.withheld.get(&withheld_name(&chain.phase, &chain.step)) {
            Some(Withheld::Output(Kept { inputs, outputs }) | Withheld::Secret(Some(Kept { inputs, outputs }))) => {
                (inputs, outputs)
            }
            Some(Withheld::Secret(None)) => return Err(NoValue::Secret(chain.to_string())),
            None => (&step.inputs, &step.outputs),
        };
        let value = match chain.side {
            Side::Outputs => outputs.get(&chain.name).cloned(),
            Side::Inputs(index) => match inputs.get(index.unwrap_or(0)).and_then(|entry| entry.get(&chain.name)) {
                Some(Value::String(text)) => Some(text.clone()),
                None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => None,
                Some(scalar) => Some(scalar.to_string()),
            },
        };
        value.ok_or_else(|| NoValue::Missing(chain.to_string()))
    }
}
