//! Everything that is wrong with a component document, at its line: [`check`].

mod excerpt;
mod finding;
mod placement;
mod rule;
mod shell;
mod usage;

pub use finding::{Finding, Severity};
pub use rule::Rule;

use crate::document::{self, Parsed};
use crate::pasted_secrets::{self, Mask};

/// All defects of a document in the order of their places; no error among them when AWSTOE and this crate can run it.
/// Where the machine has a bash, it reads the scripts of `ExecuteBash` without running them. `label` is what messages
/// call the document, usually its path.
pub fn check(text: &str, label: &str) -> Vec<Finding> {
    let Parsed { defects, tree, .. } = document::read(text, label);
    let mut findings = language(text, defects, tree.as_ref());
    findings.extend(tree.iter().flat_map(shell::scripts));
    finished(findings, text)
}

/// The same without starting a program.
pub fn check_language(text: &str, label: &str) -> Vec<Finding> {
    let Parsed { defects, tree, .. } = document::read(text, label);
    finished(language(text, defects, tree.as_ref()), text)
}

fn language(text: &str, defects: Vec<document::ParseError>, tree: Option<&crate::yaml::Node>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = defects.into_iter().map(Finding::from).collect();
    if let Some(tree) = tree {
        findings.extend(usage::variables(tree));
        findings.extend(placement::references(tree));
        findings.extend(placement::size(text));
    }
    findings
}

/// Adds the secrets in the text, and takes them out of what the others say.
fn finished(mut findings: Vec<Finding>, text: &str) -> Vec<Finding> {
    let secrets = pasted_secrets::find(text);
    if !secrets.is_empty() {
        let mask = Mask::new(text, &secrets);
        for finding in &mut findings {
            finding.mask(&mask);
        }
        findings.extend(secrets.iter().map(Finding::from));
    }
    findings.sort_by_key(|finding| (finding.location, finding.severity));
    findings
}
