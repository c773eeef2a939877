//! YAML as a tree in which every key and value knows where it stands.
//!
//! Scalars keep the text they were written as: the language knows texts only, and `0755`, `1.10` or an account id with a
//! zero in front are other texts once they were numbers. Mappings keep their order. Merge keys (`<<`) are resolved, as AWSTOE's
//! parser does; tags other than YAML's own are refused.

mod json;
mod read;

use std::borrow::Cow;

use serde::Serialize;

pub(crate) use read::{MAX_LEVELS, Unreadable, read};

/// 1-based, as editors count; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    pub(crate) start: Location,
    /// Just behind the last character.
    pub(crate) end: Location,
    pub(crate) value: Value<'a>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Scalar(Scalar<'a>),
    Sequence(Vec<Node<'a>>),
    Mapping(Vec<Entry<'a>>),
}

#[derive(Debug, Clone)]
pub(crate) struct Scalar<'a> {
    /// Borrowed from the file where it stands there as it is.
    pub(crate) text: Cow<'a, str>,
    pub(crate) style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    /// `|`: line by line what stands below, `indent` characters to the right.
    Literal {
        first_line: usize,
        indent: usize,
    },
    /// `>`: lines are joined, so a place in the text is no place in the file.
    Folded,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) start: Location,
    pub(crate) end: Location,
    pub(crate) value: Node<'a>,
}

impl<'a> Node<'a> {
    pub(crate) fn scalar(&self) -> Option<&Scalar<'a>> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| &*scalar.text)
    }

    /// The text under a key; empty where there is none.
    pub(crate) fn text_under(&self, key: &str) -> &str {
        self.entry(key).and_then(|entry| entry.value.text()).unwrap_or_default()
    }

    /// The list under a key; empty where there is none.
    pub(crate) fn items_under(&self, key: &str) -> &[Node<'a>] {
        self.entry(key).and_then(|entry| entry.value.items()).unwrap_or_default()
    }

    /// `key:` with nothing behind it, `~` and `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    pub(crate) fn items(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn entries(&self) -> Option<&[Entry<'a>]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// What it is, for a sentence.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(_) => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a map",
        }
    }

    /// Where the character at a byte of a scalar's text stands; the scalar's start where that cannot be told.
    pub(crate) fn place(&self, offset: usize) -> Location {
        let Some(Scalar { text, style }) = self.scalar() else { return self.start };
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[line_start..].chars().count();
        match style {
            Style::Literal { first_line, indent } => {
                Location { line: first_line + before.matches('\n').count(), column: indent + column + 1 }
            }
            Style::Plain if self.start.line == self.end.line => {
                Location { line: self.start.line, column: self.start.column + column }
            }
            // Without escapes the text is as long as what stands between the quotes.
            Style::Quoted
                if self.start.line == self.end.line
                    && self.end.column == self.start.column + text.chars().count() + 2 =>
            {
                Location { line: self.start.line, column: self.start.column + column + 1 }
            }
            Style::Plain | Style::Quoted | Style::Folded => self.start,
        }
    }
}

impl Scalar<'_> {
    fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}
