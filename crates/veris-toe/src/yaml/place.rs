//! Where something stands in a text.

use std::ops::Range;

use serde::Serialize;

/// 1-based, as editors count; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    pub start: Location,
    /// Just behind the last character; the start itself for a place without an extent.
    pub end: Location,
}

impl Location {
    /// Where a text begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl Span {
    /// A place without an extent.
    pub fn point(line: usize, column: usize) -> Self {
        Location { line, column }.into()
    }

    /// Some columns of a line.
    pub fn in_line(line: usize, columns: Range<usize>) -> Self {
        let at = |column| Location { line, column };
        Self { start: at(columns.start), end: at(columns.end) }
    }

    /// The column behind the last character, where that is in the line in which it begins.
    pub fn end_column(self) -> Option<usize> {
        let Self { start, end } = self;
        Some(end.column).filter(|column| end.line == start.line && *column > start.column)
    }
}

impl From<Location> for Span {
    fn from(at: Location) -> Self {
        Self { start: at, end: at }
    }
}
