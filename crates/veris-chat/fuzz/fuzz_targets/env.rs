//! A refusal names a line of the file, and what can be read can be written again, and reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use veris_chat::env_file::parse;

fuzz_target!(|text: &str| {
    match parse(text) {
        Err(error) => assert!((1..=text.lines().count()).contains(&error.line), "{error}"),
        Ok(settings) => {
            let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name}=\"{value}\"\n")).collect();
            assert_eq!(parse(&lines.concat()), Ok(settings));
        }
    }
});
