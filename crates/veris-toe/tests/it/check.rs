//! Every defect of a document is found at its line, and nothing else is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use proptest::prelude::*;
use veris_toe::check::{Finding, Severity, check, check_language};
use veris_toe::document::parse;
use veris_toe::pasted_secrets::{Mask, find};

/// Documents with defects, each marked at its line with `# finds: rule rule`.
fn broken() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_seeded_defect_is_found_at_its_line() {
    let paths = broken();
    assert!(paths.len() >= 30, "{} documents", paths.len());
    let mut surprises = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let expected: BTreeSet<(usize, String)> =
            text.lines().enumerate().flat_map(|(index, line)| marked(index + 1, line)).collect();
        let findings = check(&text, &name);
        let found: BTreeSet<_> =
            findings.iter().map(|it| (it.location.map_or(0, |at| at.line), it.rule.to_string())).collect();
        surprises.extend(found.symmetric_difference(&expected).map(|(line, rule)| {
            let what = if found.contains(&(*line, rule.clone())) { "found" } else { "not found" };
            format!("{name}:{line}: {rule} was {what}")
        }));
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

fn marked(line: usize, text: &str) -> Vec<(usize, String)> {
    let rules = text.split_once("# finds: ").map(|(_, rules)| rules);
    rules.into_iter().flat_map(|rules| rules.split(' ')).map(|rule| (line, rule.to_owned())).collect()
}

#[test]
fn a_document_is_refused_when_a_finding_is_an_error() {
    for path in broken() {
        let text = fs::read_to_string(&path).unwrap();
        // What only Image Builder, bash or a reader of the text minds does not keep the runner from it.
        let only_here = ["stage-chain", "shell-syntax", "secret"];
        let is_error = check(&text, "x")
            .iter()
            .any(|it| it.severity == Severity::Error && !only_here.contains(&it.rule.to_string().as_str()));
        assert_eq!(parse(&text, "x").is_err(), is_error, "{}", path.display());
    }
}

#[test]
fn a_finding_shows_its_line_and_the_cure() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken/unknown-inputs.yaml");
    let text = fs::read_to_string(path).unwrap();
    let mask = Mask::new(&text, &[]);
    let shown: Vec<String> = check(&text, "").iter().map(|finding| finding.excerpt("chat.yaml", &mask)).collect();
    assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_misspelt_input_is_told_once_and_its_value_is_looked_at() {
    let text = "schemaVersion: 1.0
phases:
  - name: build
    steps:
      - {name: Say, action: ExecuteBash, inputs: {comands: [echo]}}
      - {name: Shout, action: ExecuteBash, inputs: {comands: echo}}
      - {name: Copy, action: CopyFile, inputs: [{sorce: a, destnation: b}, {sorce: a}]}
      - {name: Twice, action: DeleteFile, inputs: [{path: a, paht: b}]}
";
    let shown = |it: Finding| {
        let cure = it.cure.unwrap_or_default();
        format!("{}:{} {}; {cure}", it.location.unwrap().line, it.location.unwrap().column, it.message)
    };
    assert_snapshot!(check_language(text, "").into_iter().map(shown).collect::<Vec<_>>().join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is done to a document, it is read to its end or refused.
    #[test]
    fn no_text_makes_the_check_panic(
        index in 0..30usize, start in 0..400usize, length in 0..60usize,
        insert in r"[-:{}\[\]&*!|>'\x22%@<~ \t\na-zé0-9]{0,8}",
    ) {
        let text: Vec<char> = fs::read_to_string(&broken()[index]).unwrap().chars().collect();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        let mutated: String = text[..start].iter().chain(&insert.chars().collect::<Vec<_>>()).chain(&text[end..]).collect();
        let findings = check_language(&mutated, "x");
        let secrets = find(&mutated);
        let mask = Mask::new(&mutated, &secrets);
        for finding in &findings {
            finding.excerpt("x", &mask);
        }
        prop_assert!(findings.is_sorted_by_key(|finding| finding.location));
    }

    /// A document of simple steps, however many, has nothing to find.
    #[test]
    fn a_sound_document_has_no_findings(
        names in prop::collection::btree_set("[A-Za-z][A-Za-z0-9-]{0,12}", 1..20),
        timeout in 1..100_000u32, attempts in 1..9u32, script in "[a-z ./-]{1,30}",
    ) {
        let step = |name: &String| format!(
            "      - name: '{name}'\n        action: ExecuteBash\n        timeoutSeconds: {timeout}\n        \
             maxAttempts: {attempts}\n        inputs:\n          commands:\n            - \"{script}\"\n"
        );
        let steps = names.iter().map(step).collect::<Vec<_>>().concat();
        let text = format!("name: Sound\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n{steps}");
        prop_assert_eq!(check_language(&text, "sound.yaml"), []);
    }
}
