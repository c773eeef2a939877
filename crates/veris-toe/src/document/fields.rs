//! One map of a document, key by key: unknown keys, missing ones and values of the wrong kind are defects.

use super::Problem;
use super::defects::Defects;
use crate::suggest::nearest;
use crate::yaml::{Entry, Node, Style};

pub(super) struct Fields<'a> {
    node: &'a Node<'a>,
    /// What the map is, for sentences.
    of: &'static str,
}

impl<'a> Fields<'a> {
    /// `None` where the value is no map.
    pub(super) fn of(
        node: &'a Node<'a>,
        of: &'static str,
        known: &[&'static str],
        defects: &mut Defects<'_>,
    ) -> Option<Self> {
        let Some(entries) = node.entries() else {
            defects.add(node, Problem::WrongKind { what: of.to_owned(), expected: "a map", found: node.kind() });
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let nearest = nearest(&entry.key, known.iter().copied());
            defects
                .add(entry, Problem::UnknownKey { key: entry.key.to_string(), of, known: known.join("`, `"), nearest });
        }
        Some(Self { node, of })
    }

    /// A key without a value counts as left out.
    pub(super) fn get(&self, key: &str) -> Option<&'a Entry<'a>> {
        self.node.entry(key).filter(|entry| !entry.value.is_null())
    }

    pub(super) fn required(&self, key: &'static str, defects: &mut Defects<'_>) -> Option<&'a Entry<'a>> {
        let found = self.get(key);
        if found.is_none() {
            let problem = Problem::MissingKey { key, of: self.of };
            match self.node.entry(key) {
                Some(empty) => defects.add(empty, problem),
                None => defects.add(self.node.span.start, problem),
            }
        }
        found
    }

    pub(super) fn text(&self, key: &str, defects: &mut Defects<'_>) -> Option<&'a str> {
        text(self.get(key)?, defects)
    }

    pub(super) fn list(&self, key: &'static str, defects: &mut Defects<'_>) -> &'a [Node<'a>] {
        self.get(key).and_then(|entry| list(entry, defects)).unwrap_or_default()
    }

    /// Quoted numbers are texts.
    pub(super) fn integer(&self, key: &str, defects: &mut Defects<'_>) -> Option<i64> {
        let entry = self.get(key)?;
        let number = entry.value.scalar().filter(|scalar| scalar.style == Style::Plain);
        let number = number.and_then(|scalar| scalar.text.parse().ok());
        if number.is_none() {
            wrong_kind(entry, "a whole number", defects);
        }
        number
    }

    pub(super) fn boolean(&self, key: &str, defects: &mut Defects<'_>) -> Option<bool> {
        let entry = self.get(key)?;
        let truth = entry.value.scalar().filter(|scalar| scalar.style == Style::Plain);
        let truth = truth.and_then(|scalar| match &*scalar.text {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        });
        if truth.is_none() {
            wrong_kind(entry, "true or false", defects);
        }
        truth
    }
}

pub(super) fn text<'a>(entry: &'a Entry<'a>, defects: &mut Defects<'_>) -> Option<&'a str> {
    let found = entry.value.text();
    if found.is_none() {
        wrong_kind(entry, "a text", defects);
    }
    found
}

pub(super) fn list<'a>(entry: &'a Entry<'a>, defects: &mut Defects<'_>) -> Option<&'a [Node<'a>]> {
    let found = entry.value.items();
    if found.is_none() {
        wrong_kind(entry, "a list; begin each entry with `- `", defects);
    }
    found
}

fn wrong_kind(entry: &Entry<'_>, expected: &'static str, defects: &mut Defects<'_>) {
    let (what, found) = (format!("`{}`", entry.key), entry.value.kind());
    defects.add(&entry.value, Problem::WrongKind { what, expected, found });
}
