//! Every reference has to have a value when its step runs.

use std::collections::{BTreeSet, HashMap};

use super::Problem;
use super::defects::Defects;
use super::phases::{PhaseDraft, StepDraft};
use crate::expression::{CONTEXT_KEYS, Chain, Reference, Side, Template, has_braces};
use crate::suggest::nearest;
use crate::yaml::{Location, Node, Span, Value};

/// Paths below `meta-data/` that AWSTOE does not give to documents.
const SECRET_METADATA: [&str; 2] = ["iam", "identity-credentials"];

pub(super) fn check(phases: &[PhaseDraft<'_>], variables: &BTreeSet<&str>, defects: &mut Defects<'_>) {
    let known = Known::of(phases, variables);
    for (phase_index, phase) in phases.iter().enumerate() {
        defects.enter_phase(Some(phase.name));
        for (step_index, step) in phase.steps.iter().enumerate() {
            defects.enter_step(Some(step.name));
            for node in &step.open {
                each(node, &mut |place, reference| {
                    if let Some(problem) = known.problem(reference, (phase_index, step_index)) {
                        defects.add(place, problem);
                    }
                });
            }
        }
    }
    defects.enter_phase(None);
}

/// Every reference below a value, with its place.
pub(crate) fn each(node: &Node<'_>, tell: &mut impl FnMut(Span, &Reference)) {
    match &node.value {
        Value::Scalar(scalar) if has_braces(&scalar.text) => {
            for (range, reference) in Template::parse(&scalar.text).placed_references() {
                let (start, last) = (node.place(range.start), node.place(range.end - 1));
                let end = Location { column: last.column + 1, ..last };
                tell(Span { start, end }, reference);
            }
        }
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter().for_each(|item| each(item, tell)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| each(&entry.value, tell)),
    }
}

/// What references can name.
struct Known<'a> {
    variables: &'a BTreeSet<&'a str>,
    /// By the names of phase and step; of two with one name the first.
    steps: HashMap<(&'a str, &'a str), Placed<'a>>,
}

struct Placed<'a> {
    /// Indexes of phase and step.
    position: (usize, usize),
    step: &'a StepDraft<'a>,
}

impl<'a> Known<'a> {
    fn of(phases: &'a [PhaseDraft<'a>], variables: &'a BTreeSet<&'a str>) -> Self {
        let mut steps = HashMap::new();
        for (phase_index, phase) in phases.iter().enumerate() {
            for (step_index, step) in phase.steps.iter().enumerate() {
                steps.entry((phase.name, step.name)).or_insert(Placed { position: (phase_index, step_index), step });
            }
        }
        Self { variables, steps }
    }

    /// `at` is the position of the step that asks, so that only what runs before it counts.
    fn problem(&self, reference: &Reference, at: (usize, usize)) -> Option<Problem> {
        match reference {
            Reference::Variable(name) => self.variable(name),
            Reference::SsmName(of) if !of.starts_with("aws:ssm:") => self.variable(of),
            Reference::Chain(chain) => self.chained(chain, at),
            Reference::Context(key) if !CONTEXT_KEYS.contains(&key.as_str()) => {
                let nearest = nearest(key, CONTEXT_KEYS);
                Some(Problem::UnknownContext { key: key.clone(), nearest })
            }
            Reference::InstanceMetadata(path)
                if path.trim_start_matches('/').split('/').next().is_some_and(|top| SECRET_METADATA.contains(&top)) =>
            {
                Some(Problem::ForbiddenMetadata { path: path.clone() })
            }
            _ => None,
        }
    }

    fn variable(&self, name: &str) -> Option<Problem> {
        if self.variables.contains(name) {
            return None;
        }
        let nearest = nearest(name, self.variables.iter().copied()).map(str::to_owned);
        Some(Problem::UnknownVariable { name: name.to_owned(), nearest })
    }

    fn chained(&self, chain: &Chain, at: (usize, usize)) -> Option<Problem> {
        let name = chain.to_string();
        match self.steps.get(&(chain.phase.as_str(), chain.step.as_str())) {
            None => {
                let reason = format!("names no step: there is no `{}` in a phase `{}`", chain.step, chain.phase);
                Some(Problem::UnknownStep { chain: name, reason })
            }
            Some(Placed { position, .. }) if *position >= at => {
                let reason = "names a step that does not run before this one".to_owned();
                Some(Problem::UnknownStep { chain: name, reason })
            }
            Some(Placed { step, .. }) => {
                missing_value(step, chain).map(|reason| Problem::UnknownValue { chain: name, reason })
            }
        }
    }
}

fn missing_value(step: &StepDraft<'_>, chain: &Chain) -> Option<String> {
    // A step whose action is wrong has a defect of its own.
    let action = step.action?;
    match chain.side {
        Side::Outputs => {
            let outputs = action.outputs();
            if outputs.contains(&chain.name.as_str()) {
                return None;
            }
            let offer = if outputs.is_empty() { "none".to_owned() } else { format!("`{}`", outputs.join("`, `")) };
            Some(format!("asks for an output that `{action}` does not have; it has {offer}"))
        }
        Side::Inputs(index) => {
            let holder = match index {
                Some(index) => step.inputs.get(index),
                None => Some(&step.inputs),
            };
            let value = holder.and_then(|holder| holder.get(&chain.name));
            match value {
                Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                    Some("asks for an input that is a list, not a text".to_owned())
                }
                Some(_) => None,
                None if step.inputs.is_array() && index.is_none() => {
                    Some("needs a position, as in `inputs[0]`: the inputs of that step are a list".to_owned())
                }
                None => Some("asks for an input that the step does not have".to_owned()),
            }
        }
    }
}
