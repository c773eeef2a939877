//! A finding as a terminal shows it.

use std::fmt::Write as _;

use super::Finding;
use crate::pasted_secrets::Mask;

impl Finding {
    /// `label:line:column: error: message`, the source line with a mark below what is meant, and the cure. The mask is that of
    /// the text that was checked.
    pub fn excerpt(&self, label: &str, mask: &Mask<'_>) -> String {
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
        if let Some((line, mark)) = self.marked(mask) {
            let _ = writeln!(shown, "  | {line}\n  | {mark}");
        }
        if let Some(cure) = &self.cure {
            let _ = writeln!(shown, "  = {cure}");
        }
        shown
    }

    fn marked(&self, mask: &Mask<'_>) -> Option<(String, String)> {
        let at = self.location?;
        // A tab is as wide as a character, so that the mark stands where it belongs.
        let line = mask.line(at.line)?.replace('\t', " ");
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
