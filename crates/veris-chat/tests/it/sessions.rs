//! Conversations that outlive the process, and what the model sees of them.

use std::path::Path;

use serde_json::{Value, json};
use veris_chat::AppState;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::server::{json, post, read_until, state_with, text};

fn stored_at(directory: &Path) -> String {
    format!("session_store: sqlite://{}\n", directory.join("sessions.db").display())
}

async fn ask(state: &AppState, session: &str, message: &str) -> String {
    text(post(state, "/chat/stream/", &json!({"session_id": session, "message": message})).await).await
}

fn said(call: &Value) -> Vec<&str> {
    call["messages"].as_array().unwrap().iter().map(|turn| turn["content"][0]["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_conversation_goes_on_after_the_server_was_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let bedrock = FakeBedrock::start([says(&["Blue."]), says(&["Because."])]).await;
    for message in ["Colour?", "Why?"] {
        ask(&state_with(&bedrock, &stored_at(directory.path())), "a", message).await;
    }
    assert_eq!(said(&bedrock.calls()[1].body), ["Colour?", "Blue.", "Why?"]);
}

#[tokio::test]
async fn an_answer_that_its_reader_stopped_is_kept_and_marked() {
    let bedrock =
        FakeBedrock::start([Script::Stream(vec![Act::Text("It began"), Act::Silence]), says(&["Sorry."])]).await;
    let state = state_with(&bedrock, "");
    let response = post(&state, "/chat/stream/", &json!({"session_id": "a", "message": "Tell me"})).await;
    let mut body = response.into_body().into_data_stream();
    read_until(&mut body, "It began").await;
    drop(body);

    ask(&state, "a", "Shorter").await;
    assert_eq!(
        said(&bedrock.calls()[1].body),
        ["Tell me", "It began\n\n[The user stopped this answer here.]", "Shorter"]
    );
}

#[tokio::test]
async fn a_call_whose_reader_left_is_read_to_its_end_where_the_settings_say_so() {
    let rest = [Act::Text("It began"), Act::Pause, Act::Text(" and it ended."), Act::Stop("end_turn"), Act::Usage];
    for (config, left) in [("on_disconnect: drain", false), ("on_disconnect: cancel", true)] {
        let mut bedrock = FakeBedrock::start([Script::Stream(rest.to_vec()), says(&["Sorry."])]).await;
        let state = state_with(&bedrock, config);
        let response = post(&state, "/chat/stream/", &json!({"session_id": "a", "message": "Tell me"})).await;
        let mut body = response.into_body().into_data_stream();
        read_until(&mut body, "It began").await;
        drop(body);
        if left {
            bedrock.departure().await;
        }
        bedrock.go_on();

        ask(&state, "a", "Shorter").await;
        assert_eq!(said(&bedrock.calls()[1].body)[1], "It began\n\n[The user stopped this answer here.]");
        assert!(!bedrock.was_left(), "nobody else has left");
    }
}

#[tokio::test]
async fn a_long_conversation_loses_its_oldest_exchanges_and_keeps_its_beginning_still() {
    // The fake counts 16 tokens of prompt and 3 of answer for every call, so only the estimate of a long question weighs.
    let bedrock = FakeBedrock::start((0..4).map(|_| says(&["ok"]))).await;
    let state = state_with(&bedrock, "context_tokens: 400");
    let long = "x".repeat(1_200);
    for message in ["first", "second", &long, "last"] {
        ask(&state, "a", message).await;
    }
    let calls = bedrock.calls();
    assert_eq!(said(&calls[1].body), ["first", "ok", "second"]);
    assert_eq!(said(&calls[2].body), [long.as_str()]);
    assert_eq!(said(&calls[3].body), [long.as_str(), "ok", "last"]);
}

#[tokio::test]
async fn when_bedrock_finds_a_conversation_too_long_half_of_it_is_left_out_once() {
    let too_long = || Script::Refuse {
        status: 400,
        code: "ValidationException",
        message: "prompt is too long: 203884 tokens > 200000 maximum",
    };
    let bedrock =
        FakeBedrock::start([says(&["1"]), says(&["2"]), too_long(), says(&["3"]), too_long(), too_long()]).await;
    let state = state_with(&bedrock, "");
    for message in ["one", "two", "three"] {
        assert!(ask(&state, "a", message).await.contains(r#""finish_reason":"stop""#));
    }
    assert_eq!(said(&bedrock.calls()[3].body), ["two", "2", "three"]);

    let refused = post(&state, "/chat/", &json!({"session_id": "a", "message": "four"})).await;
    assert_eq!(json(refused).await["error"]["code"], "context_length_exceeded");
}

#[tokio::test]
async fn a_long_conversation_is_marked_for_the_prompt_cache_before_the_question() {
    let bedrock = FakeBedrock::start((0..4).map(|_| says(&["ok"]))).await;
    let (marks, plain) = (state_with(&bedrock, ""), state_with(&bedrock, "prompt_caching: false"));
    let long = "x".repeat(5_000);
    for state in [&marks, &plain] {
        ask(state, "a", &long).await;
        // The fake counts few tokens for any prompt, so the client's own conversation is the long one.
        let messages = json!([
            {"role": "user", "content": long}, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "next"},
        ]);
        text(post(state, "/v1/chat/completions", &json!({"model": "veris-chat", "messages": messages})).await).await;
    }
    let content = |call: usize| bedrock.calls()[call].body["messages"][1]["content"].clone();
    assert_eq!(content(1), json!([{"text": "ok"}, {"cachePoint": {"type": "default"}}]));
    assert_eq!(content(3), json!([{"text": "ok"}]));
}

#[tokio::test]
async fn a_store_that_fails_costs_no_answer_silently() {
    let directory = tempfile::tempdir().unwrap();
    let bedrock = FakeBedrock::start([says(&["Blue."])]).await;
    let state = state_with(&bedrock, &stored_at(directory.path()));
    let other = rusqlite::Connection::open(directory.path().join("sessions.db")).unwrap();
    other.execute_batch("DROP TABLE exchange").unwrap();

    let response = post(&state, "/chat/", &json!({"session_id": "a", "message": "Colour?"})).await;
    assert_eq!(response.status(), 503);
    let error = json(response).await;
    insta::assert_snapshot!(error["error"]["message"].as_str().unwrap(), @"the conversation cannot be read or kept at the moment: the log of the server says why");
    assert!(bedrock.calls().is_empty());
}
