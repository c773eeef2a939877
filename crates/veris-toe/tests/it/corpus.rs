//! Published component documents, of AWS and of others, against what `corpus.yaml` says of each.
//!
//! The documents are no part of this project: without a folder of them, only the list itself is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use veris_toe::document::{ParseError, parse};

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
    line: usize,
    says: String,
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
            let complete = refused.line > 0 && !refused.says.is_empty() && refused.because.ends_with('.');
            assert!(complete, "{name}: {}: a refusal has a line, a message and a reason", refused.path);
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
        for (path, sha256) in &source.clean {
            if let Err(error) = parse(&text(&checkout.join(path), sha256), path) {
                surprises.push(format!("{}: refused: {error}", source.repository));
            }
        }
        for refused in &source.refused {
            let answer = parse(&text(&checkout.join(&refused.path), &refused.sha256), &refused.path);
            if let Some(surprise) = refused.surprise(answer.err()) {
                surprises.push(format!("{}: {surprise}", source.repository));
            }
        }
    }
    assert!(surprises.is_empty(), "{} surprises:\n{}", surprises.len(), surprises.join("\n"));
}

impl Refused {
    /// What differs from the refusal that the list expects.
    fn surprise(&self, error: Option<ParseError>) -> Option<String> {
        let Self { path, line, says, .. } = self;
        let Some(error) = error else {
            return Some(format!("{path} is clean, not refused with `{says}`"));
        };
        let expected = error.location.is_some_and(|at| at.line == *line) && error.to_string().contains(says);
        (!expected).then(|| format!("{error}, where line {line} and `{says}` were expected"))
    }
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
