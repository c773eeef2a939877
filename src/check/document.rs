//! What the component language says about a rendered document.

use veris_toe::check::{Finding, Rule, Severity, check as check_document};
use veris_toe::document::{self, Parameter};
use veris_toe::yaml::Span;

/// Something that is wrong with a rendered document.
pub(super) struct DocumentFinding {
    pub(super) rule: String,
    pub(super) is_warning: bool,
    pub(super) span: Option<Span>,
    pub(super) message: String,
    pub(super) cure: Option<String>,
}

/// Everything that is wrong, and the parameters that the document declares, as far as it can be read.
pub(super) fn check(text: &str, label: &str) -> (Vec<DocumentFinding>, Vec<Parameter>) {
    let found = check_document(text, label).into_iter().filter(|found| is_of_the_text(found.rule));
    let found = found.map(DocumentFinding::from).collect();
    let parameters = document::parse(text, label).map(|document| document.parameters).unwrap_or_default();
    (found, parameters)
}

/// Secrets are looked for in the file that was written, of whatever kind it is, and a bake has no other way than inline.
fn is_of_the_text(rule: Rule) -> bool {
    !matches!(rule, Rule::Secret | Rule::TooLarge)
}

impl From<Finding> for DocumentFinding {
    fn from(found: Finding) -> Self {
        Self {
            span: found.location.map(|start| Span { start, end: found.end.unwrap_or(start) }),
            rule: found.rule.to_string(),
            is_warning: found.severity == Severity::Warning,
            message: found.message,
            cure: found.cure,
        }
    }
}
