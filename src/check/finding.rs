//! What a check found, as people and programs get it.

use std::collections::BTreeSet;

use serde::Serialize;
use veris_toe::pasted_secrets::{self, Mask, PastedSecret};
use veris_toe::yaml::Span;

use super::kind::Kind;
use super::project::File;

/// What was found in all files, in their order.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub summary: Summary,
    /// What was left out, for people.
    #[serde(skip)]
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files that were looked at.
    pub files: usize,
    /// Files that are none of ours.
    pub skipped: usize,
    pub errors: usize,
    pub warnings: usize,
}

/// Something that is wrong in a file. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The file as it was asked for, or relative to the project.
    pub file: String,
    /// Counted from 1; absent if the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The column behind the last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    pub severity: Severity,
    /// Name of the rule that was broken, which never changes.
    pub rule: String,
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// The line of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A bake would fail, or make an image that does not work.
    Error,
    /// It works, but should not stay.
    Warning,
}

impl Finding {
    /// An error in the file `shown`; without a span it means the whole file.
    pub(super) fn error(shown: &str, rule: impl Into<String>, span: Option<Span>, message: impl Into<String>) -> Self {
        Self {
            file: shown.to_owned(),
            line: span.map(|span| span.start.line),
            column: span.map(|span| span.start.column),
            end_column: span.and_then(Span::end_column),
            severity: Severity::Error,
            rule: rule.into(),
            message: message.into(),
            cure: None,
            source: None,
        }
    }

    pub(super) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into()).filter(|cure| !cure.is_empty());
        self
    }

    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same finding, if need be less grave.
    pub(super) fn at_most(self, severity: Severity) -> Self {
        let gravest = self.severity.max(severity);
        self.severity(gravest)
    }
}

impl Report {
    /// Whether a bake of these files would fail.
    pub fn has_errors(&self) -> bool {
        self.summary.errors > 0
    }
}

/// Collects findings; each is kept once, however often it is met.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeSet<Finding>);

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.insert(finding);
    }

    /// Adds what was found in a file and the secrets in it, and takes the secrets out of what will be shown.
    pub(super) fn add_all(&mut self, file: &File, kind: Kind, found: Vec<Finding>) {
        let secrets = pasted_secrets::find(&file.text);
        let mask = Mask::new(&file.text, &secrets);
        let pasted = secrets.iter().filter(|_| kind != Kind::EnvFile).map(|secret| pasted(file, secret));
        for mut finding in pasted.chain(found) {
            finding.message = mask.words(&finding.message).into_owned();
            finding.cure = finding.cure.map(|cure| mask.words(&cure).into_owned());
            let source = finding.line.and_then(|line| mask.line(line));
            finding.source =
                source.map(|line| if kind == Kind::EnvFile { name_only(&line) } else { line.into_owned() });
            self.add(finding);
        }
    }

    pub(super) fn into_report(self, files: usize, skipped: usize, notes: Vec<String>) -> Report {
        let findings: Vec<Finding> = self.0.into_iter().collect();
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let summary = Summary { files, skipped, errors: count(Severity::Error), warnings: count(Severity::Warning) };
        Report { findings, summary, notes }
    }
}

fn pasted(file: &File, secret: &PastedSecret<'_>) -> Finding {
    let (message, severity) = if secret.is_certain {
        (format!("{} stands here", secret.what), Severity::Error)
    } else {
        (format!("this looks like {}", secret.what), Severity::Warning)
    };
    Finding::error(&file.shown, "secret", Some(secret.span), message)
        .cure("revoke it, remove it, and let the instance profile or the instance's `.env` provide it")
        .severity(severity)
}

/// A line of a `.env`: every value may be secret, and so may a line that is none.
fn name_only(line: &str) -> String {
    let stars = |text: &str| "*".repeat(text.chars().count());
    match line.split_once('=') {
        Some((name, value)) => format!("{name}={}", stars(value)),
        None if line.trim_start().starts_with('#') => line.to_owned(),
        None => stars(line),
    }
}
