//! Parameters and constants that nothing uses.

use std::collections::BTreeSet;

use super::{Finding, Rule};
use crate::document::each_reference;
use crate::expression::Reference;
use crate::yaml::{Entry, Node};

pub(super) fn variables(tree: &Node<'_>) -> Vec<Finding> {
    let kinds = [("parameters", "parameter"), ("constants", "constant")];
    let declared = kinds.iter().flat_map(|(list, kind)| {
        tree.items_under(list).iter().filter_map(|node| sole_entry(node)).map(move |entry| (*kind, entry))
    });
    let mut declared: Vec<_> = declared.collect();
    if declared.is_empty() {
        return Vec::new();
    }
    let used = used(tree);
    declared.retain(|(_, entry)| !used.contains(&*entry.key));
    let unused = declared.into_iter().map(|(kind, entry)| {
        let message = format!("nothing uses the {kind} `{}`", entry.key);
        Finding::warning(Rule::UnusedVariable, entry.span, message)
            .cure("remove it, or use it as `{{ Name }}` in the inputs of a step")
    });
    unused.collect()
}

/// An entry of another form is a defect of its own.
fn sole_entry<'a>(node: &'a Node<'a>) -> Option<&'a Entry<'a>> {
    match node.entries()? {
        [entry] => Some(entry),
        _ => None,
    }
}

fn used(tree: &Node<'_>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    if let Some(phases) = tree.entry("phases") {
        each_reference(&phases.value, &mut |_, reference| {
            if let Reference::Variable(name) | Reference::SsmName(name) = reference {
                used.insert(name.clone());
            }
        });
    }
    used
}
