//! A finding as a terminal shows it.

use std::fmt::Write as _;

use super::{Finding, Rule};

impl Finding {
    /// `label:line:column: error: message`, the source line with a mark below what is meant, and the cure. `text` is what was
    /// checked. A line that holds a secret is not repeated.
    pub fn excerpt(&self, label: &str, text: &str) -> String {
        let mut shown = label.to_owned();
        // Writing to a text cannot fail.
        if let Some(at) = self.location {
            let _ = write!(shown, ":{}:{}", at.line, at.column);
        }
        let _ = write!(shown, ": {}: ", self.severity);
        match (&self.phase, &self.step) {
            (Some(phase), Some(step)) => drop(write!(shown, "phase `{phase}`, step `{step}`: ")),
            (Some(phase), None) => drop(write!(shown, "phase `{phase}`: ")),
            (None, _) => {}
        }
        let _ = writeln!(shown, "{}", self.message);
        if let Some((line, mark)) = self.marked(text) {
            let _ = writeln!(shown, "  | {line}\n  | {mark}");
        }
        if let Some(cure) = &self.cure {
            let _ = writeln!(shown, "  = {cure}");
        }
        shown
    }

    fn marked(&self, text: &str) -> Option<(String, String)> {
        let at = self.location.filter(|_| self.rule != Rule::Secret)?;
        // A tab is as wide as a character, so that the mark stands where it belongs.
        let line = text.lines().nth(at.line - 1)?.replace('\t', " ");
        let length = line.chars().count();
        let end = match self.end {
            Some(end) if end.line == at.line => end.column,
            Some(_) => length + 1,
            None => at.column + 1,
        };
        let width = end.clamp(at.column + 1, (length + 1).max(at.column + 1)) - at.column;
        Some((line, format!("{}{}", " ".repeat(at.column - 1), "^".repeat(width))))
    }
}
