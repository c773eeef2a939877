//! From text to a tree, in one pass over the events of the YAML parser.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{Entry, Location, Node, Scalar, Style, Value};

/// Bytes of text plus a fixed cost for each value, aliases counted as what they stand for.
const BUDGET: usize = 16 * 1024 * 1024;
const VALUE_COST: usize = 16;
/// Deeper values make recursion over the tree a danger; documents have a dozen levels.
pub(crate) const MAX_LEVELS: usize = 100;

/// A tree, and what is wrong with it although it could be read.
pub(crate) struct Reading<'a> {
    pub(crate) root: Node<'a>,
    pub(crate) faults: Vec<(Location, String)>,
}

/// Why there is no tree.
pub(crate) enum Unreadable {
    Syntax { at: Location, message: String },
    TooManyValues,
    TooDeep,
}

pub(crate) fn read(text: &str) -> Result<Reading<'_>, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder =
        Builder { open: Vec::new(), root: None, anchors: HashMap::new(), left: BUDGET, faults: Vec::new() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        builder.take(event, span)?;
    }
    let Builder { root, faults, .. } = builder;
    let nothing = || Unreadable::Syntax { at: Location { line: 1, column: 1 }, message: "there is nothing".to_owned() };
    Ok(Reading { root: root.ok_or_else(nothing)?, faults })
}

struct Builder<'a> {
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    /// With the cost of each.
    anchors: HashMap<usize, (Node<'a>, usize)>,
    left: usize,
    faults: Vec<(Location, String)>,
}

/// A sequence or mapping whose end has not come yet.
struct Open<'a> {
    start: Location,
    anchor: usize,
    /// Of the budget, when it began.
    left: usize,
    content: Content<'a>,
}

enum Content<'a> {
    Sequence(Vec<Node<'a>>),
    Mapping {
        entries: Vec<Entry<'a>>,
        /// Of all entries, once they are too many to look through.
        names: HashSet<String>,
        key: Option<(Cow<'a, str>, Location, Location)>,
    },
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Unreadable> {
        let (start, end) = (location(span.start), location(span.end));
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let message = "a file holds one document; this begins a second one".to_owned();
                Err(Unreadable::Syntax { at: start, message })
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), start);
                let cost = text.len() + VALUE_COST;
                self.spend(text.len())?;
                let style = style_of(style, start, &text);
                let value = Value::Scalar(Scalar { text, style });
                self.add(Node { start, end, value }, anchor, cost)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), start);
                self.begin(start, anchor, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), start);
                let content = Content::Mapping { entries: Vec::new(), names: HashSet::new(), key: None };
                self.begin(start, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(end),
            Event::Alias(anchor) => self.repeat(anchor, start, end),
        }
    }

    fn begin(&mut self, start: Location, anchor: usize, content: Content<'a>) -> Result<(), Unreadable> {
        if self.open.len() == MAX_LEVELS {
            return Err(Unreadable::TooDeep);
        }
        self.open.push(Open { start, anchor, left: self.left, content });
        self.spend(0)
    }

    fn finish(&mut self, end: Location) -> Result<(), Unreadable> {
        let Some(Open { start, anchor, left, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, .. } => Value::Mapping(self.merged(entries)),
        };
        let cost = left - self.left;
        self.add(Node { start, end, value }, anchor, cost)
    }

    /// Puts a complete value where it belongs.
    fn add(&mut self, node: Node<'a>, anchor: usize, cost: usize) -> Result<(), Unreadable> {
        if anchor != 0 {
            self.spend(cost)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { key: key @ None, .. }) => {
                let Value::Scalar(Scalar { text, .. }) = node.value else {
                    let message = "a key is a text, not a list or a map".to_owned();
                    return Err(Unreadable::Syntax { at: node.start, message });
                };
                *key = Some((text, node.start, node.end));
            }
            Some(Content::Mapping { entries, names, key }) => {
                if let Some((key, start, end)) = key.take() {
                    if key == "<<" || is_new(&key, entries, names) {
                        entries.push(Entry { key, start, end, value: node });
                    } else {
                        self.faults.push((start, format!("the key `{key}` is given twice")));
                    }
                }
            }
        }
        Ok(())
    }

    /// An alias stands where it is written, whatever it repeats.
    fn repeat(&mut self, anchor: usize, start: Location, end: Location) -> Result<(), Unreadable> {
        let Some((node, cost)) = self.anchors.get(&anchor) else {
            let message = "an alias cannot be part of what it repeats".to_owned();
            return Err(Unreadable::Syntax { at: start, message });
        };
        let (value, cost) = (node.value.clone(), *cost);
        self.spend(cost)?;
        self.add(Node { start, end, value }, 0, 0)
    }

    /// What a mapping says itself comes before what it takes from others with `<<`.
    fn merged(&mut self, entries: Vec<Entry<'a>>) -> Vec<Entry<'a>> {
        if entries.iter().all(|entry| entry.key != "<<") {
            return entries;
        }
        let (merges, mut entries): (Vec<Entry<'a>>, Vec<Entry<'a>>) =
            entries.into_iter().partition(|entry| entry.key == "<<");
        for merge in merges {
            let start = merge.start;
            let sources = match merge.value.value {
                Value::Mapping(source) => vec![source],
                Value::Sequence(items) => items.into_iter().filter_map(Node::into_entries).collect(),
                Value::Scalar(_) => Vec::new(),
            };
            if sources.is_empty() {
                self.faults.push((start, "`<<` takes a map, or a list of maps".to_owned()));
            }
            for entry in sources.into_iter().flatten() {
                if entries.iter().all(|known| known.key != entry.key) {
                    entries.push(entry);
                }
            }
        }
        entries
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Unreadable> {
        self.left = self.left.checked_sub(bytes + VALUE_COST).ok_or(Unreadable::TooManyValues)?;
        Ok(())
    }

    fn tag(&mut self, tag: Option<&Tag>, at: Location) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() && tag.suffix != "!") {
            self.faults.push((at, format!("the YAML tag `{tag}` has no meaning here")));
        }
    }
}

/// `at` is where the value begins: for a block the first character of its first line that is not blank.
fn style_of(style: ScalarStyle, at: Location, text: &str) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Folded => Style::Folded,
        ScalarStyle::Literal => {
            let blank_lines = text.bytes().take_while(|byte| *byte == b'\n').count();
            Style::Literal { first_line: at.line.saturating_sub(blank_lines), indent: at.column - 1 }
        }
    }
}

impl<'a> Node<'a> {
    fn into_entries(self) -> Option<Vec<Entry<'a>>> {
        match self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }
}

/// Maps are small, so that a look through their keys is cheaper than a set; those that are not get one.
fn is_new(key: &str, entries: &[Entry<'_>], names: &mut HashSet<String>) -> bool {
    const SMALL: usize = 16;
    if entries.len() < SMALL {
        return entries.iter().all(|entry| entry.key != key);
    }
    if names.is_empty() {
        names.extend(entries.iter().map(|entry| entry.key.to_string()));
    }
    names.insert(key.to_owned())
}

fn location(marker: Marker) -> Location {
    Location { line: marker.line(), column: marker.col() + 1 }
}

fn syntax(error: &ScanError) -> Unreadable {
    // The parser's own limit for brackets in brackets.
    if error.info().contains("recursion limit") {
        return Unreadable::TooDeep;
    }
    Unreadable::Syntax { at: location(*error.marker()), message: error.info().to_owned() }
}

#[cfg(test)]
mod tests;
