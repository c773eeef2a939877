//! Conditions that can be read can be read again. They are not evaluated: a file they name could be any of the machine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use veris_toe::condition::Condition;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = serde_json::from_slice(bytes) {
        let first = Condition::parse(&value).map(|condition| format!("{condition:?}"));
        let again = Condition::parse(&value).map(|condition| format!("{condition:?}"));
        assert_eq!(first, again);
    }
});
