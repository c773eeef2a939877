//! From text to a tree, in one pass over the events of the YAML parser.

use std::borrow::Cow;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};
use thiserror::Error;

use super::{Entry, Location, Node, Scalar, Span, Style, Value};

/// Bytes of text plus a fixed cost for each value, aliases counted as what they stand for.
const BUDGET: usize = 16 * 1024 * 1024;
const VALUE_COST: usize = 16;
/// How deep values may lie in each other: more makes recursion over the tree a danger, and documents have a dozen levels.
pub const MAX_LEVELS: usize = 100;

/// A tree, and what is wrong with it although it could be read.
#[derive(Debug)]
pub struct Reading<'a> {
    pub root: Node<'a>,
    pub faults: Vec<PlacedFault>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFault {
    pub fault: Fault,
    pub span: Span,
    /// Of the map with the key, or of the value with the tag, as `phases[0].steps[2]`; empty for the whole document.
    pub path: String,
}

/// What is wrong with a text that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The first one counts.
    #[error("the key `{key}` is given twice")]
    RepeatedKey { key: String, first: Location },
    #[error("the YAML tag `{0}` has no meaning here")]
    Tag(String),
    #[error("`<<` takes a map, or a list of maps")]
    Merge,
}

/// Why there is no tree.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreadable {
    #[error("there is nothing")]
    Empty,
    #[error("{message}")]
    Syntax { at: Location, message: String },
    #[error("the text holds too many values, or its aliases multiply them")]
    TooManyValues { at: Location },
    #[error("values lie more than {MAX_LEVELS} levels deep in each other")]
    TooDeep { at: Location },
}

impl Unreadable {
    /// Where reading ended.
    pub fn location(&self) -> Location {
        match self {
            Self::Empty => Location::START,
            Self::Syntax { at, .. } | Self::TooManyValues { at } | Self::TooDeep { at } => *at,
        }
    }
}

/// Reads the only document of a text.
pub fn read(text: &str) -> Result<Reading<'_>, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder =
        Builder { open: Vec::new(), root: None, anchors: HashMap::new(), left: BUDGET, faults: Vec::new() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| unreadable(&error))?;
        builder.take(event, Span { start: location(span.start), end: location(span.end) })?;
    }
    let Builder { root, faults, .. } = builder;
    Ok(Reading { root: root.ok_or(Unreadable::Empty)?, faults })
}

/// Whether a text is YAML of any kind: several documents, any tags and keys.
pub fn scan(text: &str) -> Result<(), Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Parser::new_from_str(text).try_for_each(|event| event.map(drop)).map_err(|error| unreadable(&error))
}

struct Builder<'a> {
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    /// With the cost of each.
    anchors: HashMap<usize, (Node<'a>, usize)>,
    left: usize,
    faults: Vec<PlacedFault>,
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
        names: HashMap<String, Location>,
        key: Option<(Cow<'a, str>, Span)>,
    },
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Unreadable> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let message = "a file holds one document; this begins a second one".to_owned();
                Err(Unreadable::Syntax { at: span.start, message })
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                let cost = text.len() + VALUE_COST;
                self.spend(text.len(), span.start)?;
                let value = Value::Scalar(Scalar { text, style: style_of(style, anchor) });
                self.add(Node { span, value }, anchor, cost)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                self.begin(span.start, anchor, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                let content = Content::Mapping { entries: Vec::new(), names: HashMap::new(), key: None };
                self.begin(span.start, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(span.end),
            Event::Alias(anchor) => self.repeat(anchor, span),
        }
    }

    fn begin(&mut self, start: Location, anchor: usize, content: Content<'a>) -> Result<(), Unreadable> {
        if self.open.len() == MAX_LEVELS {
            return Err(Unreadable::TooDeep { at: start });
        }
        self.open.push(Open { start, anchor, left: self.left, content });
        self.spend(0, start)
    }

    fn finish(&mut self, end: Location) -> Result<(), Unreadable> {
        let Some(Open { start, anchor, left, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, .. } => Value::Mapping(self.merged(entries)?),
        };
        let cost = left - self.left;
        self.add(Node { span: Span { start, end }, value }, anchor, cost)
    }

    /// Puts a complete value where it belongs.
    fn add(&mut self, node: Node<'a>, anchor: usize, cost: usize) -> Result<(), Unreadable> {
        if anchor != 0 {
            self.spend(cost, node.span.start)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { key: key @ None, .. }) => {
                let Value::Scalar(Scalar { text, .. }) = node.value else {
                    let message = "a key is a text, not a list or a map".to_owned();
                    return Err(Unreadable::Syntax { at: node.span.start, message });
                };
                *key = Some((text, node.span));
            }
            Some(Content::Mapping { entries, names, key }) => {
                let Some((key, span)) = key.take() else { return Ok(()) };
                match earlier((&key, span), entries, names).filter(|_| key != "<<") {
                    None => entries.push(Entry { key, span, value: node }),
                    Some(first) => {
                        let fault = Fault::RepeatedKey { key: key.into_owned(), first };
                        self.tell(fault, span, self.open.len() - 1)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// An alias stands where it is written, whatever it repeats.
    fn repeat(&mut self, anchor: usize, span: Span) -> Result<(), Unreadable> {
        let Some((node, cost)) = self.anchors.get(&anchor) else {
            let message = "an alias cannot be part of what it repeats".to_owned();
            return Err(Unreadable::Syntax { at: span.start, message });
        };
        let (value, cost) = (node.value.clone(), *cost);
        self.spend(cost, span.start)?;
        self.add(Node { span, value }, 0, 0)
    }

    /// What a mapping says itself comes before what it takes from others with `<<`.
    fn merged(&mut self, entries: Vec<Entry<'a>>) -> Result<Vec<Entry<'a>>, Unreadable> {
        if entries.iter().all(|entry| entry.key != "<<") {
            return Ok(entries);
        }
        let (merges, mut entries): (Vec<Entry<'a>>, Vec<Entry<'a>>) =
            entries.into_iter().partition(|entry| entry.key == "<<");
        let mut known: HashSet<Cow<'a, str>> = entries.iter().map(|entry| entry.key.clone()).collect();
        for merge in merges {
            let sources = match merge.value.value {
                Value::Mapping(source) => vec![source],
                Value::Sequence(items) => items.into_iter().filter_map(Node::into_entries).collect(),
                Value::Scalar(_) => Vec::new(),
            };
            if sources.is_empty() {
                self.tell(Fault::Merge, merge.span, self.open.len())?;
            }
            entries.extend(sources.into_iter().flatten().filter(|entry| known.insert(entry.key.clone())));
        }
        Ok(entries)
    }

    fn spend(&mut self, bytes: usize, at: Location) -> Result<(), Unreadable> {
        self.left = self.left.checked_sub(bytes + VALUE_COST).ok_or(Unreadable::TooManyValues { at })?;
        Ok(())
    }

    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> Result<(), Unreadable> {
        match tag.filter(|tag| !tag.is_yaml_core_schema() && tag.suffix != "!") {
            Some(tag) => self.tell(Fault::Tag(tag.to_string()), span, self.open.len()),
            None => Ok(()),
        }
    }

    /// `depth` is how many of the open values the path leads through.
    fn tell(&mut self, fault: Fault, span: Span, depth: usize) -> Result<(), Unreadable> {
        let path = path(&self.open[..depth]);
        self.spend(path.len(), span.start)?;
        self.faults.push(PlacedFault { fault, span, path });
        Ok(())
    }
}

/// Of the value that comes next.
fn path(open: &[Open<'_>]) -> String {
    // Writing to a text cannot fail.
    open.iter().fold(String::new(), |mut path, open| {
        match &open.content {
            Content::Sequence(items) => drop(write!(path, "[{}]", items.len())),
            Content::Mapping { key: Some((key, _)), .. } if path.is_empty() => path.push_str(key),
            Content::Mapping { key: Some((key, _)), .. } => drop(write!(path, ".{key}")),
            Content::Mapping { key: None, .. } => {}
        }
        path
    })
}

fn style_of(style: ScalarStyle, anchor: usize) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        // The place of an anchored value is that of the anchor.
        ScalarStyle::Literal if anchor == 0 => Style::Literal,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Folded,
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

/// Where the key stands already. Maps are small, so that a look through their keys is cheaper than a table; those that are not
/// get one.
fn earlier(
    (key, span): (&str, Span),
    entries: &[Entry<'_>],
    names: &mut HashMap<String, Location>,
) -> Option<Location> {
    const SMALL: usize = 16;
    if entries.len() < SMALL {
        return entries.iter().find(|entry| entry.key == key).map(|entry| entry.span.start);
    }
    if names.is_empty() {
        names.extend(entries.iter().map(|entry| (entry.key.to_string(), entry.span.start)));
    }
    match names.entry(key.to_owned()) {
        Occupied(first) => Some(*first.get()),
        Vacant(free) => {
            free.insert(span.start);
            None
        }
    }
}

fn location(marker: Marker) -> Location {
    Location { line: marker.line(), column: marker.col() + 1 }
}

fn unreadable(error: &ScanError) -> Unreadable {
    let at = location(*error.marker());
    // The parser's own limit for brackets in brackets.
    if error.info().contains("recursion limit") {
        return Unreadable::TooDeep { at };
    }
    Unreadable::Syntax { at, message: error.info().to_owned() }
}

#[cfg(test)]
mod tests;
