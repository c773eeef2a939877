//! `check` never panics, finds something in every document that does not parse, and points into the text. Nor does what shows it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use veris_toe::check::check;
use veris_toe::document::parse;
use veris_toe::pasted_secrets::{Mask, find};

fuzz_target!(|text: &str| {
    let findings = check(text, "chat.yaml");
    assert!(parse(text, "chat.yaml").is_ok() || !findings.is_empty(), "refused, but nothing was found");
    // For YAML, and for the places it tells, a carriage return alone ends a line, too.
    let lines = text.split(['\n', '\r']).count();
    let secrets = find(text);
    let mask = Mask::new(text, &secrets);
    for finding in findings {
        finding.excerpt("chat.yaml", &mask);
        let line = finding.location.map_or(1, |location| location.line);
        assert!((1..=lines + 1).contains(&line), "line {line} of {lines}");
    }
});
