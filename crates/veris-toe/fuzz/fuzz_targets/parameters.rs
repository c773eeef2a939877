//! Parameters of the command line: what can be read can be written again, and reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use veris_toe::request::parse_parameters;

fuzz_target!(|text: &str| {
    let Ok(parameters) = parse_parameters(text) else {
        return;
    };
    let written: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let again = parse_parameters(&written.join(","));
    assert_eq!(again.ok(), Some(parameters));
});
