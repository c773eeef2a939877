//! Parameters and constants that nothing uses.

use std::collections::BTreeSet;

use super::{Finding, Rule};
use crate::expression::{Reference, Template};
use crate::yaml::{Entry, Node, Value};

pub(super) fn variables(tree: &Node<'_>) -> Vec<Finding> {
    let mut used = BTreeSet::new();
    if let Some(phases) = tree.entry("phases") {
        collect(&phases.value, &mut used);
    }
    let kinds = [("parameters", "parameter"), ("constants", "constant")];
    let entries = kinds.iter().flat_map(|(list, kind)| {
        tree.items_under(list).iter().filter_map(|node| sole_entry(node)).map(move |entry| (*kind, entry))
    });
    let unused = entries.filter(|(_, entry)| !used.contains(&*entry.key));
    unused
        .map(|(kind, entry)| {
            let message = format!("nothing uses the {kind} `{}`", entry.key);
            Finding::warning(Rule::UnusedVariable, (entry.start, entry.end), message)
                .cure("remove it, or use it as `{{ Name }}` in the inputs of a step")
        })
        .collect()
}

/// An entry of another form is a defect of its own.
fn sole_entry<'a>(node: &'a Node<'a>) -> Option<&'a Entry<'a>> {
    match node.entries()? {
        [entry] => Some(entry),
        _ => None,
    }
}

fn collect(node: &Node<'_>, used: &mut BTreeSet<String>) {
    match &node.value {
        Value::Scalar(scalar) if scalar.text.contains("{{") => {
            used.extend(Template::parse(&scalar.text).references().filter_map(|reference| match reference {
                Reference::Variable(name) | Reference::SsmName(name) => Some(name.clone()),
                _ => None,
            }));
        }
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, used)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| collect(&entry.value, used)),
    }
}
