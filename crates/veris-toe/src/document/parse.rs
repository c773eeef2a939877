//! From text to [`Document`], and to everything that is wrong with it.

use std::collections::BTreeSet;

use super::defects::Defects;
use super::fields::{Fields, text};
use super::phases::phases;
use super::{Constant, Document, MAX_TEXT_BYTES, Parameter, ParseError, Problem, references};
use crate::expression::is_variable_name;
use crate::yaml::{self, Entry, Node, PlacedFault, Unreadable};

/// Reads and checks a document completely: keys, names, actions, their inputs and every reference. The error is about
/// the first defect; [`check`](crate::check::check) tells all of them. `label` is what errors call the document.
pub fn parse(text: &str, label: &str) -> Result<Document, ParseError> {
    let Parsed { document, defects, .. } = read(text, label);
    // A document without defects exists.
    document.ok_or_else(|| match defects.into_iter().next() {
        Some(defect) => defect,
        None => unreadable(label, &Unreadable::Empty),
    })
}

/// What a text turned out to be.
pub(crate) struct Parsed<'a> {
    /// There when there are no defects.
    pub(crate) document: Option<Document>,
    pub(crate) defects: Vec<ParseError>,
    /// There when the text is YAML.
    pub(crate) tree: Option<Node<'a>>,
}

pub(crate) fn read<'a>(text: &'a str, label: &str) -> Parsed<'a> {
    let bytes = text.len();
    if bytes > MAX_TEXT_BYTES {
        let mut defects = Defects::new(label);
        defects.add_without_place(Problem::TooLong { bytes, limit: MAX_TEXT_BYTES });
        return Parsed { document: None, defects: defects.into_sorted(), tree: None };
    }
    let reading = match yaml::read(text) {
        Ok(reading) => reading,
        Err(error) => return Parsed { document: None, defects: vec![unreadable(label, &error)], tree: None },
    };
    let mut defects = Defects::new(label);
    for PlacedFault { fault, span, .. } in reading.faults {
        defects.add(span, Problem::Yaml(fault.to_string()));
    }
    let document = document(&reading.root, label, &mut defects);
    let defects = defects.into_sorted();
    let document = document.filter(|_| defects.is_empty());
    Parsed { document, defects, tree: Some(reading.root) }
}

fn unreadable(label: &str, error: &Unreadable) -> ParseError {
    let problem = match error {
        Unreadable::Empty | Unreadable::Syntax { .. } => Problem::Yaml(error.to_string()),
        Unreadable::TooManyValues { .. } => Problem::TooManyValues,
        Unreadable::TooDeep { .. } => Problem::TooDeep { limit: yaml::MAX_LEVELS },
    };
    let mut defects = Defects::new(label);
    defects.add(error.location(), problem);
    defects.into_sorted().remove(0)
}

/// `None` where a defect keeps it from being complete.
fn document(root: &Node<'_>, label: &str, defects: &mut Defects<'_>) -> Option<Document> {
    const KEYS: [&str; 6] = ["name", "description", "schemaVersion", "parameters", "constants", "phases"];
    let fields = Fields::of(root, "the document", &KEYS, defects)?;
    if let Some(version) = fields.required("schemaVersion", defects) {
        schema_version(version, defects);
    }
    let name = fields.text("name", defects).map(str::to_owned);
    let description = fields.text("description", defects).map(str::to_owned);
    let mut names = BTreeSet::new();
    let mut parameters = Vec::new();
    for entry in fields.list("parameters", defects) {
        parameters.extend(
            variable("parameters", entry, &mut names, defects).and_then(|(name, node)| parameter(name, node, defects)),
        );
    }
    let mut constants = Vec::new();
    for entry in fields.list("constants", defects) {
        constants.extend(
            variable("constants", entry, &mut names, defects).and_then(|(name, node)| constant(name, node, defects)),
        );
    }
    let drafts = match fields.required("phases", defects) {
        Some(entry) => phases(entry, defects),
        None => Vec::new(),
    };
    // Also of those that are wrong otherwise: whoever asks for them is not to blame.
    references::check(&drafts, &names, defects);
    let phases = drafts.into_iter().map(super::phases::PhaseDraft::finish).collect::<Option<_>>()?;
    Some(Document { label: label.to_owned(), name, description, parameters, constants, phases })
}

fn schema_version(entry: &Entry<'_>, defects: &mut Defects<'_>) {
    let Some(found) = text(entry, defects) else { return };
    // Written `1`, `1.0` or `1.00`: all the same number to the last bit.
    if found.parse::<f64>().is_ok_and(|number| number.to_bits() == 1f64.to_bits()) {
        return;
    }
    defects.add(&entry.value, Problem::SchemaVersion { found: found.to_owned() });
}

/// One entry of `parameters` or `constants`: a map of one name.
fn variable<'a>(
    of: &'static str,
    node: &'a Node<'a>,
    names: &mut BTreeSet<&'a str>,
    defects: &mut Defects<'_>,
) -> Option<(&'a str, &'a Node<'a>)> {
    let entries = node.entries().unwrap_or_default();
    let [Entry { key, value, .. }] = entries else {
        // The style of workflow documents, in which `name` is a key.
        let name = node.entry("name").and_then(|entry| entry.value.text()).map(str::to_owned);
        defects.add(node, Problem::EntryShape { list: of, name });
        return None;
    };
    if !is_variable_name(key) {
        defects.add(&entries[0], Problem::VariableName { name: key.to_string() });
    }
    if !names.insert(key) {
        let scope = "parameters and constants";
        defects.add(&entries[0], Problem::DuplicateName { name: key.to_string(), scope });
    }
    Some((key, value))
}

fn parameter(name: &str, node: &Node<'_>, defects: &mut Defects<'_>) -> Option<Parameter> {
    let fields = Fields::of(node, "the parameter", &["type", "default", "description", "allowedValues"], defects)?;
    variable_type(&fields, defects);
    let default_entry = fields.get("default");
    let default = default_entry.and_then(|entry| text(entry, defects)).map(str::to_owned);
    let description = fields.text("description", defects).map(str::to_owned);
    let mut allowed_values = Vec::new();
    for node in fields.list("allowedValues", defects) {
        let Some(text) = node.text() else {
            let what = "a value of `allowedValues`".to_owned();
            defects.add(node, Problem::WrongKind { what, expected: "a text", found: node.kind() });
            continue;
        };
        allowed_values.push(text.to_owned());
    }
    if let (Some(default), Some(entry)) = (&default, default_entry)
        && !allowed_values.is_empty()
        && !allowed_values.contains(default)
    {
        let (found, allowed) = (default.clone(), allowed_values.join("`, `"));
        defects.add(&entry.value, Problem::NotAllowed { name: name.to_owned(), found, allowed });
    }
    Some(Parameter { name: name.to_owned(), default, description, allowed_values })
}

fn constant(name: &str, node: &Node<'_>, defects: &mut Defects<'_>) -> Option<Constant> {
    let fields = Fields::of(node, "the constant", &["type", "value"], defects)?;
    variable_type(&fields, defects);
    let value = text(fields.required("value", defects)?, defects)?;
    Some(Constant { name: name.to_owned(), value: value.to_owned() })
}

/// The language knows strings only.
fn variable_type(fields: &Fields<'_>, defects: &mut Defects<'_>) {
    let Some(entry) = fields.required("type", defects) else { return };
    if let Some(found) = text(entry, defects).filter(|found| *found != "string") {
        let found = found.to_owned();
        defects.add(&entry.value, Problem::Choice { key: "type", found, known: "string", nearest: None });
    }
}
