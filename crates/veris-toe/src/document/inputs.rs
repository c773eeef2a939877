//! Whether the inputs of a step fit its action, each at its place.

use serde_json::Value as Json;

use super::Problem;
use super::defects::Defects;
use crate::action::{ActionName, InputError, InputKey};
use crate::suggest::nearest;
use crate::yaml::{Entry, Node, Span};

/// More unknown inputs in one entry are not told.
const MOST: usize = 20;

/// `written` is the step and, where it has one, its `inputs`.
pub(super) fn check(
    action: ActionName,
    inputs: &Json,
    written: (&Node<'_>, Option<&Entry<'_>>),
    defects: &mut Defects<'_>,
) {
    // The rule, at a tenth of the cost of the search.
    if action.check(inputs).is_ok() {
        return;
    }
    match inputs {
        Json::Array(entries) if !entries.is_empty() => {
            // Each by itself: the first that does not fit must not hide the others.
            for (index, entry) in entries.iter().enumerate() {
                one(action, Json::Array(vec![entry.clone()]), Some(index), written, defects);
            }
        }
        _ => one(action, inputs.clone(), None, written, defects),
    }
}

/// Finds every unknown input, by correcting those that were found, and the first that is wrong otherwise.
fn one(
    action: ActionName,
    mut inputs: Json,
    index: Option<usize>,
    written: (&Node<'_>, Option<&Entry<'_>>),
    defects: &mut Defects<'_>,
) {
    let mut unknown = Vec::new();
    for _ in 0..MOST {
        let Err(mut error) = action.check(&inputs) else { return };
        let corrected = correct(&mut inputs, &error);
        if let (Some(index), Some(InputKey::Index(first))) = (index, error.path.first_mut()) {
            *first = index;
            error.entry = Some(index);
        }
        let place = match written {
            (_, Some(entry)) => find(&entry.value, &error.path, &unknown, corrected.is_some()),
            (step, None) => step.span.start.into(),
        };
        let nearest = corrected.as_ref().and_then(|key| key.nearest.clone());
        defects.add(place, Problem::Inputs { action: action.as_str(), message: error.to_string(), nearest });
        match corrected {
            Some(key) => unknown.push(key),
            None => return,
        }
    }
}

/// A key that has no place where it is.
struct Unknown {
    key: String,
    /// Of the keys that have one and are not given.
    nearest: Option<String>,
}

/// Where the error is about an unknown key, takes it out and puts its value under the nearest name: neither that it is unknown
/// is told again, nor that the other one is missing.
fn correct(inputs: &mut Json, error: &InputError) -> Option<Unknown> {
    let (InputKey::Name(key), above) = error.path.split_last()? else { return None };
    if !error.message.starts_with(&format!("unknown field `{key}`")) {
        return None;
    }
    let holder = above.iter().try_fold(inputs, |value, step| match step {
        InputKey::Name(name) => value.get_mut(name),
        InputKey::Index(index) => value.get_mut(index),
    });
    let holder = holder?.as_object_mut()?;
    let value = holder.shift_remove(key)?;
    let nearest = nearest(key, expected(&error.message).filter(|name| !holder.contains_key(*name))).map(str::to_owned);
    if let Some(nearest) = &nearest {
        holder.insert(nearest.clone(), value);
    }
    Some(Unknown { key: key.clone(), nearest })
}

/// The names that a message about an unknown field offers; they stand in backticks behind the field's own.
fn expected(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(3).step_by(2)
}

/// The value at a path, or the key there when that is what is wrong.
fn find(node: &Node<'_>, path: &[InputKey], corrected: &[Unknown], key_is_wrong: bool) -> Span {
    let Some((first, rest)) = path.split_first() else { return node.span };
    let below = match first {
        InputKey::Index(index) => node.items().and_then(|items| items.get(*index)),
        InputKey::Name(name) => {
            let misspelt = || corrected.iter().find(|it| it.nearest.as_ref() == Some(name));
            let entry = node.entry(name).or_else(|| node.entry(&misspelt()?.key));
            match entry {
                Some(entry) if rest.is_empty() && key_is_wrong => return entry.span,
                entry => entry.map(|entry| &entry.value),
            }
        }
    };
    below.map_or(node.span, |below| find(below, rest, corrected, key_is_wrong))
}
