//! Whatever the model says arrives as it was said, one event a line, however its frames are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use veris_chat_fuzz::ask;
use veris_chat_fuzz::bedrock::{cut, spoken, stop};
use veris_chat_fuzz::contract::{events, text};

const CHAT: &[u8] = br#"{"session_id": "fuzz", "message": "Hi"}"#;
const COMPLETION: &[u8] =
    br#"{"model": "veris-chat", "messages": [{"role": "user", "content": "Hi"}], "stream": true}"#;

fuzz_target!(|input: (u8, Vec<&str>)| {
    let (size, pieces) = input;
    let mut frames: Vec<_> = pieces.iter().map(|piece| spoken(piece)).collect();
    frames.push(stop());
    for (path, body) in [("/chat/stream/", CHAT), ("/v1/chat/completions", COMPLETION)] {
        let events = events(&ask(path, body, cut(&frames, usize::from(size) + 1)));
        assert_eq!(text(&events), pieces.concat());
        let finish = events.iter().rev().find_map(|event| event["choices"][0]["finish_reason"].as_str());
        assert_eq!(finish, Some("stop"));
    }
});
