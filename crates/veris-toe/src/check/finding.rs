//! One defect, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::Rule;
use crate::document::{Location, ParseError};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    /// Where the offending key, value or text begins; without one the defect is the whole document's.
    pub location: Option<Location>,
    /// Just behind its last character.
    pub end: Option<Location>,
    pub phase: Option<String>,
    pub step: Option<String>,
    /// One sentence without the place. Never holds a secret.
    pub message: String,
    /// What the author can do, where there is more to say than the message does.
    pub cure: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The document is refused, or its step would fail.
    Error,
    /// The document runs, but not as its author is likely to expect.
    Warning,
}

impl Finding {
    pub(super) fn error(rule: Rule, place: (Location, Location), message: String) -> Self {
        Self::new(rule, Severity::Error, Some(place), message)
    }

    pub(super) fn warning(rule: Rule, place: (Location, Location), message: String) -> Self {
        Self::new(rule, Severity::Warning, Some(place), message)
    }

    pub(super) fn warning_without_place(rule: Rule, message: String) -> Self {
        Self::new(rule, Severity::Warning, None, message)
    }

    pub(super) fn cure(mut self, cure: &str) -> Self {
        self.cure = Some(cure.to_owned());
        self
    }

    fn new(rule: Rule, severity: Severity, place: Option<(Location, Location)>, message: String) -> Self {
        let (location, end) = (place.map(|(start, _)| start), place.map(|(_, end)| end));
        Self { rule, severity, location, end, phase: None, step: None, message, cure: None }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl From<ParseError> for Finding {
    fn from(error: ParseError) -> Self {
        Self {
            rule: Rule::from(&*error.problem),
            severity: Severity::Error,
            location: error.location,
            end: error.end,
            message: error.problem.to_string(),
            cure: error.cure(),
            phase: error.phase.map(String::from),
            step: error.step.map(String::from),
        }
    }
}
