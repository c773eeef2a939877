//! Everything that is wrong with a component document, at its line: [`check`].

mod finding;
mod rule;

pub use finding::{Finding, Severity};
pub use rule::Rule;

use crate::document;

/// All defects of a document in the order of their lines; none when AWSTOE and this crate can run it.
/// `label` is what messages call the document, usually its path.
pub fn check(text: &str, label: &str) -> Vec<Finding> {
    document::parse(text, label).err().map(Finding::from).into_iter().collect()
}
