//! Why a bake ended before its image was available.

use std::fmt;

use crate::fault::Fault;
use crate::state::image_builder::ComponentFailure;

/// The most characters of an image's reason.
pub(super) const REASON_LIMIT: usize = 1024;
/// The most characters of a workflow's or step's message.
pub(super) const MESSAGE_LIMIT: usize = 500;

#[derive(Debug, Clone)]
pub(super) enum Stop {
    /// Somebody called `CancelImageCreation`.
    Cancelled,
    Failed(Box<Failure>),
}

#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// What went wrong, without the stage, which the record knows.
    pub what: String,
    /// The last lines of the log, where a guest has written one.
    pub tail: String,
    /// Present where a component failed.
    pub component: Option<ComponentFailure>,
}

impl Stop {
    pub(super) fn failed(what: impl Into<String>) -> Self {
        Failure { what: what.into(), tail: String::new(), component: None }.into()
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::failed(fault.message)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Failed(failure) => f.write_str(&failure.what),
        }
    }
}

impl Failure {
    /// The failure in at most `limit` characters: what went wrong from its beginning, the log from its end.
    pub(super) fn text(&self, place: &str, limit: usize) -> String {
        let said = self.what.split_whitespace().collect::<Vec<_>>().join(" ");
        let what = shortened(&format!("{place}{said}"), limit);
        let heading = ". Last lines: ";
        let room = limit.saturating_sub(what.chars().count() + heading.len());
        if self.tail.is_empty() || room < 20 {
            return what;
        }
        let tail = self.tail.replace('\n', " | ");
        let length = tail.chars().count();
        if length <= room {
            return format!("{what}{heading}{tail}");
        }
        let kept: String = tail.chars().skip(length - (room - 1)).collect();
        format!("{what}{heading}…{kept}")
    }
}

/// The beginning of a text, marked where the end is missing.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_reason_is_never_longer_than_the_api_allows(what in ".{0,700}", tail in "(.{0,80}\n){0,20}", limit in 30usize..1024) {
            let failure = Failure { what, tail, component: None };
            prop_assert!(failure.text("BUILDING: ", limit).chars().count() <= limit);
        }
    }

    #[test]
    fn the_end_of_the_log_survives() {
        let tail = format!("{}\nthe last line", "noise ".repeat(500));
        let failure = Failure { what: "exit status 1".to_owned(), tail, component: None };
        let text = failure.text("ApplyBuildComponents: ", MESSAGE_LIMIT);
        assert!(text.starts_with("ApplyBuildComponents: exit status 1. Last lines: …"), "{text}");
        assert!(text.ends_with("the last line"), "{text}");
    }
}
