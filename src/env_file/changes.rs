//! What differs between two `.env` files, by name.

use std::fmt;

use serde::Serialize;

use super::EnvFile;

/// One setting that differs. Values are secrets and stay out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub name: String,
    pub what: What,
}

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    Added,
    Removed,
    Changed,
}

impl EnvFile {
    /// What is different in `next`, in the order of the names.
    pub fn changes_to(&self, next: &Self) -> Vec<Change> {
        let mut names: Vec<&String> = self.variables.keys().chain(next.variables.keys()).collect();
        names.sort();
        names.dedup();
        let change = |name: &String| {
            let what = match (self.variables.get(name), next.variables.get(name)) {
                (None, _) => What::Added,
                (_, None) => What::Removed,
                (before, after) if before == after => return None,
                _ => What::Changed,
            };
            Some(Change { name: name.clone(), what })
        };
        names.into_iter().filter_map(change).collect()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.what {
            What::Added => "add   ",
            What::Removed => "remove",
            What::Changed => "change",
        };
        write!(f, "{verb} {}", self.name)
    }
}
