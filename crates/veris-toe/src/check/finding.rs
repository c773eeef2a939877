//! One defect, for people and for programs.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::Rule;
use crate::document::{Location, ParseError};
use crate::pasted_secrets::{Mask, PastedSecret};
use crate::yaml::Span;

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
    pub(super) fn error(rule: Rule, place: Span, message: String) -> Self {
        Self::new(rule, Severity::Error, Some(place), message)
    }

    pub(super) fn warning(rule: Rule, place: Span, message: String) -> Self {
        Self::new(rule, Severity::Warning, Some(place), message)
    }

    pub(super) fn warning_without_place(rule: Rule, message: String) -> Self {
        Self::new(rule, Severity::Warning, None, message)
    }

    pub(super) fn cure(mut self, cure: &str) -> Self {
        self.cure = Some(cure.to_owned());
        self
    }

    /// Takes secrets out of everything it says.
    pub(super) fn mask(&mut self, mask: &Mask<'_>) {
        let texts = [Some(&mut self.message), self.cure.as_mut(), self.phase.as_mut(), self.step.as_mut()];
        for text in texts.into_iter().flatten() {
            if let Cow::Owned(masked) = mask.words(text) {
                *text = masked;
            }
        }
    }

    fn new(rule: Rule, severity: Severity, place: Option<Span>, message: String) -> Self {
        let (location, end) = (place.map(|span| span.start), place.map(|span| span.end));
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

impl From<&PastedSecret<'_>> for Finding {
    fn from(secret: &PastedSecret<'_>) -> Self {
        let what = secret.what;
        let message = format!("this looks like {what}; components are readable in the account and land in its logs");
        let severity = if secret.is_certain { Severity::Error } else { Severity::Warning };
        Self::new(Rule::Secret, severity, Some(secret.span), message)
            .cure("take it out and replace it where it is valid; let the instance fetch it with its own role")
    }
}
