//! `check` never panics, finds something in every document that does not parse, and points into the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use veris_toe::check::check;
use veris_toe::document::parse;

fuzz_target!(|text: &str| {
    let findings = check(text, "chat.yaml");
    assert!(parse(text, "chat.yaml").is_ok() || !findings.is_empty(), "refused, but nothing was found");
    // For YAML, and for the places it tells, a carriage return alone ends a line, too.
    let lines = text.split(['\n', '\r']).count();
    for finding in findings {
        let line = finding.location.map_or(1, |location| location.line);
        assert!((1..=lines + 1).contains(&line), "line {line} of {lines}");
    }
});
