//! No text makes the reader panic, and every refusal names the document.

#![no_main]

use libfuzzer_sys::fuzz_target;
use veris_toe::document::parse;

fuzz_target!(|text: &str| {
    if let Err(error) = parse(text, "chat.yaml") {
        assert!(error.to_string().starts_with("chat.yaml:"), "{error}");
        let _ = error.cure();
    }
});
