//! Every body is answered or refused with its reason, and what Bedrock is asked it can accept.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use veris_chat_fuzz::ask;
use veris_chat_fuzz::bedrock::{cut, spoken, stop};
use veris_chat_fuzz::contract::{assert_alternates, assert_refused, events, text};

fuzz_target!(|body: &[u8]| {
    let answer = ask("/v1/chat/completions", body, cut(&[spoken("Yes."), stop()], 64));
    if answer.status != 200 {
        assert_refused(&answer, &[400, 404, 413]);
        assert_eq!(answer.asked, None);
        return;
    }
    let asked = answer.asked.as_ref().expect("Bedrock was asked");
    assert_alternates(asked);
    let options = &asked["inferenceConfig"];
    assert!((1..=4096).contains(&options["maxTokens"].as_u64().expect("a bound is always sent")), "{options}");
    assert!(options["temperature"].as_f64().is_none_or(|value| (0.0..=1.0).contains(&value)), "{options}");
    assert!(options["topP"].as_f64().is_none_or(|value| (0.0..=1.0).contains(&value)), "{options}");
    if answer.body.starts_with("data: ") {
        assert_eq!(text(&events(&answer)), "Yes.");
    } else {
        let document: Value = serde_json::from_str(&answer.body).expect("the answer is JSON");
        assert_eq!(document["choices"][0]["message"]["content"], "Yes.");
    }
});
