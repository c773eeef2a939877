//! Everything that is wrong with a component document, at its line: [`check`].

mod excerpt;
mod finding;
mod placement;
mod rule;
mod secrets;
mod shell;
mod usage;

pub use finding::{Finding, Severity};
pub use rule::Rule;
pub use secrets::secrets;

use crate::document::{self, Parsed};

/// All defects of a document in the order of their places; no error among them when AWSTOE and this crate can run it.
/// Where the machine has a bash, it reads the scripts of `ExecuteBash` without running them. `label` is what messages
/// call the document, usually its path.
pub fn check(text: &str, label: &str) -> Vec<Finding> {
    let Parsed { defects, tree, .. } = document::read(text, label);
    let mut findings = language(text, defects, tree.as_ref());
    findings.extend(tree.iter().flat_map(shell::scripts));
    sorted(findings)
}

/// The same without starting a program.
pub fn check_language(text: &str, label: &str) -> Vec<Finding> {
    let Parsed { defects, tree, .. } = document::read(text, label);
    sorted(language(text, defects, tree.as_ref()))
}

fn language(text: &str, defects: Vec<document::ParseError>, tree: Option<&crate::yaml::Node>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = defects.into_iter().map(Finding::from).collect();
    if let Some(tree) = tree {
        findings.extend(usage::variables(tree));
        findings.extend(placement::references(tree));
        findings.extend(placement::size(text));
    }
    findings.extend(secrets(text));
    findings
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (finding.location, finding.severity));
    findings
}
