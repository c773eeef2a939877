//! What the component language says about a document.

use veris_toe::document::{Parameter, parse};

use crate::yaml::Span;

/// Something that is wrong with a rendered document.
pub(super) struct DocumentFinding {
    pub(super) rule: String,
    pub(super) is_warning: bool,
    pub(super) span: Option<Span>,
    pub(super) message: String,
    pub(super) cure: Option<String>,
}

/// Everything that is wrong, and the parameters that it declares if nothing is.
pub(super) fn check(text: &str, label: &str) -> (Vec<DocumentFinding>, Vec<Parameter>) {
    let error = match parse(text, label) {
        Ok(document) => return (Vec::new(), document.parameters),
        Err(error) => error,
    };
    let span = error.location.map(|it| Span { line: it.line, column: it.column, end: None });
    let (cure, message) = (error.cure(), error.problem.to_string());
    (vec![DocumentFinding { rule: "document".to_owned(), is_warning: false, span, message, cure }], Vec::new())
}
