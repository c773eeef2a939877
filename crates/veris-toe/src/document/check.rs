//! Every reference in step inputs has to have a value when its step runs.

use super::parse::{Place, Reader};
use super::{Document, ParseError, Problem, Step};
use crate::expression::{Chain, Reference, Side, templates};
use crate::suggest::nearest;

pub(super) fn references(document: &Document, reader: Reader<'_>) -> Result<(), ParseError> {
    for (phase_index, phase) in document.phases.iter().enumerate() {
        for (step_index, step) in phase.steps.iter().enumerate() {
            let place = Place {
                phase: Some((phase_index, &phase.name)),
                step: Some((step_index, &step.name)),
                key: Some("inputs"),
            };
            let mut templates = templates(&step.inputs);
            templates.extend(step.r#if.iter().flat_map(|r#if| crate::expression::templates(&r#if.test)));
            templates.extend(step.r#loop.iter().flat_map(|r#loop| r#loop.over.templates()));
            let mut problems =
                templates.iter().flat_map(crate::expression::Template::references).filter_map(|reference| {
                    match reference {
                        Reference::Variable(name) => variable(document, name),
                        Reference::Chain(chain) => chained(document, chain, (phase_index, step_index)),
                        _ => None,
                    }
                });
            if let Some(problem) = problems.next() {
                return Err(reader.error(place, problem));
            }
        }
    }
    Ok(())
}

fn variable(document: &Document, name: &str) -> Option<Problem> {
    let names = || {
        let parameters = document.parameters.iter().map(|parameter| parameter.name.as_str());
        parameters.chain(document.constants.iter().map(|constant| constant.name.as_str()))
    };
    if names().any(|known| known == name) {
        return None;
    }
    let nearest = nearest(name, names()).map(str::to_owned);
    Some(Problem::UnknownVariable { name: name.to_owned(), nearest })
}

/// `at` is the position of the step that asks, so that only what runs before it counts.
fn chained(document: &Document, chain: &Chain, at: (usize, usize)) -> Option<Problem> {
    let found =
        document.phases.iter().enumerate().find(|(_, phase)| phase.name == chain.phase).and_then(|(index, phase)| {
            let step = phase.steps.iter().position(|step| step.name == chain.step)?;
            Some(((index, step), &phase.steps[step]))
        });
    let name = chain.to_string();
    match found {
        None => {
            let reason = format!("names no step: there is no `{}` in a phase `{}`", chain.step, chain.phase);
            Some(Problem::UnknownStep { chain: name, reason })
        }
        Some((position, _)) if position >= at => {
            let reason = "names a step that does not run before this one".to_owned();
            Some(Problem::UnknownStep { chain: name, reason })
        }
        Some((_, step)) => missing_value(step, chain).map(|reason| Problem::UnknownValue { chain: name, reason }),
    }
}

fn missing_value(step: &Step, chain: &Chain) -> Option<String> {
    match chain.side {
        Side::Outputs => {
            let outputs = step.action.outputs();
            if outputs.contains(&chain.name.as_str()) {
                return None;
            }
            let offer = if outputs.is_empty() { "none".to_owned() } else { format!("`{}`", outputs.join("`, `")) };
            Some(format!("asks for an output that `{}` does not have; it has {offer}", step.action))
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
