//! YAML as a tree in which every key and value knows where it stands.
//!
//! Scalars keep the text they were written as: `0755`, `1.10` or an account id with a zero in front are other texts once they
//! were numbers. Mappings keep their order. Merge keys (`<<`) and aliases are resolved, as AWSTOE's parser does; tags other than
//! YAML's own mean nothing.
//!
//! ```
//! use veris_toe::yaml::{self, Fault, Span};
//!
//! let reading = yaml::read("mode: 0644\nmode: 0600\n")?;
//! let mode = reading.root.entry("mode").unwrap();
//! assert_eq!((mode.value.text(), mode.value.span), (Some("0644"), Span::in_line(1, 7..11)));
//! assert!(matches!(reading.faults[0].fault, Fault::RepeatedKey { .. }));
//! # Ok::<(), yaml::Unreadable>(())
//! ```

mod json;
mod place;
mod read;

use std::borrow::Cow;

pub use place::{Location, Span};
pub use read::{Fault, MAX_LEVELS, PlacedFault, Reading, Unreadable, read, scan};

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    pub span: Span,
    pub value: Value<'a>,
}

/// What was written.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    Scalar(Scalar<'a>),
    Sequence(Vec<Node<'a>>),
    /// In the order of the text; no key occurs twice.
    Mapping(Vec<Entry<'a>>),
}

/// A text, with escapes and folds resolved.
#[derive(Debug, Clone)]
pub struct Scalar<'a> {
    pub text: Cow<'a, str>,
    pub style: Style,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Quoted,
    /// `|`: line by line what stands below, indented.
    Literal,
    /// `>`, whose lines are joined, or any block behind an anchor: a place in the text is no place in the file.
    Folded,
}

/// One key of a mapping with its value.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    pub key: Cow<'a, str>,
    /// Of the key.
    pub span: Span,
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    pub fn scalar(&self) -> Option<&Scalar<'a>> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| &*scalar.text)
    }

    /// The text under a key; empty where there is none.
    pub fn text_under(&self, key: &str) -> &str {
        self.entry(key).and_then(|entry| entry.value.text()).unwrap_or_default()
    }

    /// The list under a key; empty where there is none.
    pub fn items_under(&self, key: &str) -> &[Node<'a>] {
        self.entry(key).and_then(|entry| entry.value.items()).unwrap_or_default()
    }

    /// `key:` with nothing behind it, `~` and `null`.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    pub fn items(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub fn entries(&self) -> Option<&[Entry<'a>]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// What it is, for a sentence.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(_) => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a map",
        }
    }

    /// Where the character at a byte of a scalar's text stands; the scalar's start where that cannot be told: of escapes, of
    /// lines that are joined, and of what an alias repeats.
    pub fn place(&self, offset: usize) -> Location {
        let Span { start, end } = self.span;
        let Some(Scalar { text, style }) = self.scalar() else { return start };
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = start.column + before[line_start..].chars().count();
        let fills =
            |text: &str, quotes| start.line == end.line && end.column == start.column + text.chars().count() + quotes;
        match style {
            // It begins at the first character of its first line that is not blank.
            Style::Literal if start.line < end.line || fills(text.trim_end_matches('\n'), 0) => {
                let blank_lines = text.bytes().take_while(|byte| *byte == b'\n').count();
                Location { line: (start.line + before.matches('\n').count()).saturating_sub(blank_lines), column }
            }
            Style::Plain if fills(text, 0) => Location { column, ..start },
            Style::Quoted if fills(text, 2) => Location { column: column + 1, ..start },
            _ => start,
        }
    }
}

impl Scalar<'_> {
    /// Unquoted, and one of the ways to write nothing.
    pub fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}
