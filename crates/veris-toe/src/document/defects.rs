//! What is wrong with a document, gathered while it is read on.

use super::{Location, ParseError, Problem};
use crate::yaml::{Entry, Node, Span, Value};

/// Knows which phase and step is being read.
pub(super) struct Defects<'a> {
    label: &'a str,
    phase: Option<Box<str>>,
    step: Option<Box<str>>,
    found: Vec<ParseError>,
}

impl<'a> Defects<'a> {
    pub(super) fn new(label: &'a str) -> Self {
        Self { label, phase: None, step: None, found: Vec::new() }
    }

    pub(super) fn enter_phase(&mut self, name: Option<&str>) {
        (self.phase, self.step) = (name.map(Box::from), None);
    }

    pub(super) fn enter_step(&mut self, name: Option<&str>) {
        self.step = name.map(Box::from);
    }

    pub(super) fn add(&mut self, at: impl Into<Span>, problem: Problem) {
        let Span { start, end } = at.into();
        self.push(Some(start), Some(end).filter(|end| *end > start), problem);
    }

    pub(super) fn add_without_place(&mut self, problem: Problem) {
        self.push(None, None, problem);
    }

    /// In the order of their places; several at one place in the order in which they were found.
    pub(super) fn into_sorted(mut self) -> Vec<ParseError> {
        self.found.sort_by_key(|error| error.location);
        self.found
    }

    fn push(&mut self, location: Option<Location>, end: Option<Location>, problem: Problem) {
        self.found.push(ParseError {
            document: self.label.to_owned(),
            location,
            end,
            phase: self.phase.clone(),
            step: self.step.clone(),
            problem: Box::new(problem),
        });
    }
}

impl From<&Node<'_>> for Span {
    fn from(node: &Node<'_>) -> Self {
        node.span
    }
}

/// An entry is meant when its key is.
impl From<&Entry<'_>> for Span {
    fn from(entry: &Entry<'_>) -> Self {
        entry.span
    }
}

/// The key in a value that a message quotes first; the whole value where it quotes none.
pub(super) fn quoted_key(node: &Node<'_>, message: &str) -> Span {
    let mut words = message.split('`').skip(1).step_by(2);
    words.find_map(|word| find_key(node, word)).map_or(node.span, |entry| entry.span)
}

fn find_key<'a>(node: &'a Node<'a>, key: &str) -> Option<&'a Entry<'a>> {
    match &node.value {
        Value::Scalar(_) => None,
        Value::Sequence(items) => items.iter().find_map(|item| find_key(item, key)),
        Value::Mapping(entries) => {
            entries.iter().find_map(|entry| if entry.key == key { Some(entry) } else { find_key(&entry.value, key) })
        }
    }
}
