//! Whether the inputs of a step fit its action, each at its place.

use serde_json::Value as Json;

use super::Problem;
use super::defects::{Defects, Span};
use crate::action::{ActionName, InputError, InputKey};
use crate::suggest::nearest;
use crate::yaml::{Entry, Node};

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

/// Finds every unknown input, by leaving out those that were found, and the first that is wrong otherwise.
fn one(
    action: ActionName,
    mut inputs: Json,
    index: Option<usize>,
    written: (&Node<'_>, Option<&Entry<'_>>),
    defects: &mut Defects<'_>,
) {
    for _ in 0..MOST {
        let Err(mut error) = action.check(&inputs) else { return };
        let removed = remove_unknown(&mut inputs, &error);
        if let (Some(index), Some(InputKey::Index(first))) = (index, error.path.first_mut()) {
            *first = index;
            error.entry = Some(index);
        }
        let place = match written {
            (_, Some(entry)) => find(&entry.value, &error.path, removed.is_some()),
            (step, None) => step.start.into(),
        };
        let nearest = removed.as_ref().and_then(|key| nearest(key, expected(&error.message)));
        let nearest = nearest.map(str::to_owned);
        defects.add(place, Problem::Inputs { action: action.as_str(), message: error.to_string(), nearest });
        if removed.is_none() {
            return;
        }
    }
}

/// The key that was taken out, where the error is about one that has no place there.
fn remove_unknown(inputs: &mut Json, error: &InputError) -> Option<String> {
    let (InputKey::Name(key), above) = error.path.split_last()? else { return None };
    if !error.message.starts_with(&format!("unknown field `{key}`")) {
        return None;
    }
    let holder = above.iter().try_fold(inputs, |value, step| match step {
        InputKey::Name(name) => value.get_mut(name),
        InputKey::Index(index) => value.get_mut(index),
    });
    holder?.as_object_mut()?.shift_remove(key)?;
    Some(key.clone())
}

/// The names that a message about an unknown field offers; they stand in backticks behind the field's own.
fn expected(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(3).step_by(2)
}

/// The value at a path, or the key there when that is what is wrong.
fn find(node: &Node<'_>, path: &[InputKey], key_is_wrong: bool) -> Span {
    let Some((first, rest)) = path.split_first() else { return node.into() };
    let below = match first {
        InputKey::Index(index) => node.items().and_then(|items| items.get(*index)),
        InputKey::Name(name) => match node.entry(name) {
            Some(entry) if rest.is_empty() && key_is_wrong => return entry.into(),
            entry => entry.map(|entry| &entry.value),
        },
    };
    below.map_or_else(|| node.into(), |below| find(below, rest, key_is_wrong))
}
