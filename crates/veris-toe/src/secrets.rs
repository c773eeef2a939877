//! Values that reach no log and no file: those of `SecureString` parameters.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use serde_json::Value;

use crate::report::StepReport;

/// What stands in a secret's place.
pub(crate) const MASK: &str = "****";
/// A line of a longer secret is one by itself from this length on; `}` is not.
const MIN_LINE: usize = 4;

/// Shared by everything that writes.
#[derive(Default)]
pub(crate) struct Secrets {
    /// The longest first, so that one inside of another leaves no rest of it.
    known: RwLock<Vec<String>>,
}

impl Secrets {
    /// Output comes line by line, so each line of the value is a secret, too.
    pub(crate) fn add(&self, value: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let lines = value.lines().map(str::trim).filter(|line| line.len() >= MIN_LINE);
        for text in std::iter::once(value).chain(lines) {
            if !text.is_empty() && !known.iter().any(|other| other == text) {
                known.push(text.to_owned());
            }
        }
        known.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), MASK)) } else { text }
        })
    }

    /// Answers whether there was one.
    pub(crate) fn mask_text(&self, text: &mut String) -> bool {
        let masked = match self.mask(text) {
            Cow::Borrowed(_) => return false,
            Cow::Owned(masked) => masked,
        };
        *text = masked;
        true
    }

    /// Answers whether there was one. The report of a document within has its own masked already.
    pub(crate) fn mask_report(&self, report: &mut StepReport) -> bool {
        let mut found = self.mask_text(&mut report.failure_message);
        for input in &mut report.inputs {
            found |= self.mask_value(input);
        }
        for output in report.outputs.values_mut() {
            found |= self.mask_text(output);
        }
        for iteration in report.r#loop.iter_mut().flat_map(|r#loop| &mut r#loop.iterations) {
            found |= self.mask_text(&mut iteration.value) | self.mask_text(&mut iteration.failure_message);
        }
        for attempt in &mut report.attempts {
            found |= self.mask_text(&mut attempt.failure_message);
        }
        found
    }

    fn mask_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.mask_text(text),
            Value::Array(items) => items.iter_mut().fold(false, |found, item| self.mask_value(item) | found),
            Value::Object(entries) => entries.values_mut().fold(false, |found, entry| self.mask_value(entry) | found),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_whole_and_line_by_line() {
        let secrets = Secrets::default();
        assert_eq!(secrets.mask("hunter2"), "hunter2");
        secrets.add("hunter2");
        secrets.add("hunter2-and-more");
        secrets.add("{\n  \"key\": 1\n}");
        secrets.add("");
        assert_eq!(secrets.mask("a hunter2-and-more b hunter2"), "a **** b ****");
        assert_eq!(secrets.mask("{   \"key\": 1 }"), "{   **** }");
    }
}
