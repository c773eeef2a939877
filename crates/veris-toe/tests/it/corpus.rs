//! Published component documents, of AWS and of others, against what `corpus.yaml` says of each.
//!
//! The documents are no part of this project: without a folder of them, only the list itself is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use veris_toe::check::{Finding, Severity, check};
use veris_toe::document::parse;

const LIST: &str = include_str!("../corpus.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    /// `owner/name`; its documents lie in the folder `owner__name`.
    repository: String,
    commit: String,
    /// The SHA-256 by the document's path.
    #[serde(default)]
    clean: BTreeMap<String, String>,
    #[serde(default)]
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    path: String,
    sha256: String,
    /// Of the first error, as [`check`] tells them.
    line: usize,
    rule: String,
    because: String,
}

#[test]
fn the_list_of_published_documents_is_sound() {
    let list = published();
    let mut repositories = BTreeSet::new();
    let mut digests = BTreeSet::new();
    for source in &list {
        let name = &source.repository;
        assert_eq!(name.split('/').filter(|part| !part.is_empty()).count(), 2, "{name} is no owner/name");
        assert!(is_hex(&source.commit, 40), "{name}: the commit `{}`", source.commit);
        repositories.insert(name);
        for (path, sha256) in documents(source) {
            let clumsy = path.split('/').any(|part| matches!(part, "" | "." | ".."));
            assert!(!clumsy, "{name}: `{path}` is no path in a repository");
            assert!(is_hex(sha256, 64), "{name}: {path}: the digest `{sha256}`");
            assert!(digests.insert(sha256), "{name}: {path} is the same text as another document");
        }
        for refused in &source.refused {
            let complete = refused.line > 0 && !refused.rule.is_empty() && refused.because.ends_with('.');
            assert!(complete, "{name}: {}: a refusal has a line, a rule and a reason", refused.path);
        }
    }
    assert!(digests.len() >= 40 && repositories.len() >= 5, "{} of {}", digests.len(), repositories.len());
}

#[test]
fn published_documents_get_the_answer_they_deserve() {
    let Some(folder) = std::env::var_os("VERIS_TOE_CORPUS") else {
        eprintln!("skipped: VERIS_TOE_CORPUS names no folder; see crates/veris-toe/tests/fetch-corpus.sh");
        return;
    };
    let mut surprises = Vec::new();
    for source in published() {
        let checkout = Path::new(&folder).join(source.repository.replace('/', "__"));
        let mut judge = |path: &str, sha256: &str, surprise: &dyn Fn(&[Finding]) -> Option<String>| {
            let text = text(&checkout.join(path), sha256);
            let findings = check(&text, path);
            let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
            assert_eq!(parse(&text, path).is_err(), errors, "{path}: `parse` and `check` disagree: {findings:#?}");
            surprises.extend(surprise(&findings).map(|surprise| format!("{}: {path}: {surprise}", source.repository)));
        };
        for (path, sha256) in &source.clean {
            let is_error = |finding: &&Finding| finding.severity == Severity::Error;
            judge(path, sha256, &|findings| findings.iter().find(is_error).map(told));
        }
        for refused in &source.refused {
            judge(&refused.path, &refused.sha256, &|findings| refused.surprise(findings));
        }
    }
    assert!(surprises.is_empty(), "{} surprises:\n{}", surprises.len(), surprises.join("\n"));
}

impl Refused {
    /// What differs from the refusal that the list expects.
    fn surprise(&self, findings: &[Finding]) -> Option<String> {
        let expected = format!("line {} and `{}` were expected", self.line, self.rule);
        let Some(first) = findings.iter().find(|finding| finding.severity == Severity::Error) else {
            return Some(format!("it is not refused; {expected}"));
        };
        let agrees = first.location.is_some_and(|at| at.line == self.line) && first.rule.to_string() == self.rule;
        (!agrees).then(|| format!("{}; {expected}", told(first)))
    }
}

fn told(finding: &Finding) -> String {
    let line = finding.location.map_or("nowhere".to_owned(), |at| format!("line {}", at.line));
    format!("{line}: {} `{}`: {}", finding.severity, finding.rule, finding.message)
}

fn published() -> Vec<Published> {
    serde_yaml::from_str(LIST).unwrap()
}

/// Every document with its digest.
fn documents(source: &Published) -> impl Iterator<Item = (&str, &str)> {
    let clean = source.clean.iter().map(|(path, sha256)| (path.as_str(), sha256.as_str()));
    clean.chain(source.refused.iter().map(|refused| (refused.path.as_str(), refused.sha256.as_str())))
}

/// A document that is certainly the one that was judged.
fn text(path: &Path, sha256: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let found = hex::encode(Sha256::digest(&text));
    assert_eq!(found, sha256, "{} is another text than the one that the list tells of", path.display());
    text
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
