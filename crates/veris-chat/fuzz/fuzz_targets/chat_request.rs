//! Every body is answered or refused with its reason, the same way by both endpoints, and what Bedrock is asked it can accept.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;
use veris_chat_fuzz::ask;
use veris_chat_fuzz::bedrock::{cut, spoken, stop};
use veris_chat_fuzz::contract::{assert_alternates, assert_refused, events, text};

fuzz_target!(|body: &[u8]| -> Corpus {
    // Documents are fetched, and a fuzzer must not ask the world for them.
    let asks_for_documents = |body: Value| body["document_urls"].as_array().is_some_and(|urls| !urls.is_empty());
    if serde_json::from_slice(body).is_ok_and(asks_for_documents) {
        return Corpus::Reject;
    }
    let says = || cut(&[spoken("Yes."), stop()], 64);
    let streamed = ask("/chat/stream/", body, says());
    let whole = ask("/chat/", body, says());
    assert_eq!(streamed.status, whole.status);
    if streamed.status == 200 {
        assert_eq!(text(&events(&streamed)), "Yes.");
        let document: Value = serde_json::from_str(&whole.body).expect("the answer is JSON");
        assert_eq!(document["choices"][0]["message"]["content"], "Yes.");
        assert_alternates(&whole.asked.expect("Bedrock was asked"));
    } else {
        assert_refused(&streamed, &[400, 413, 422]);
        assert_eq!(streamed.asked, None);
    }
    Corpus::Keep
});
