//! The contract that the clients already speak.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::server::{MODEL_ID, call, get, json, post, readable, state, steady, text};

#[tokio::test]
async fn health_is_exactly_what_the_load_balancer_compares() {
    let state = state(&FakeBedrock::start([]).await);
    assert_eq!(get(&state, "/health").await, (StatusCode::OK, r#"{"status":"healthy"}"#.to_owned()));
}

#[tokio::test]
async fn a_server_outside_an_image_says_that_it_is_unbaked() {
    let state = state(&FakeBedrock::start([]).await);
    let (_, version) = get(&state, "/version").await;
    insta::assert_snapshot!(version, @r#"{"service":"veris-chat","version":"0.1.0","digest":"unbaked","commit":"unbaked","env_file":false}"#);
}

#[tokio::test]
async fn an_answer_streams_in_the_contract_of_the_clients() {
    let bedrock = FakeBedrock::start([says(&["Hello", " there,\n", "\"friend\""])]).await;
    let response = post(
        &state(&bedrock),
        "/chat/stream/",
        &json!({"session_id": "433375739::test1", "message": "Hi", "stream": true}),
    )
    .await;

    assert_eq!(response.status(), StatusCode::OK);
    let header = |name| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-cache, no-transform");
    assert_eq!(header("x-accel-buffering"), "no");
    insta::assert_snapshot!(readable(&text(response).await));
}

#[tokio::test]
async fn bedrock_gets_the_model_the_bound_the_prompt_and_a_signature() {
    let bedrock = FakeBedrock::start([says(&["ok"])]).await;
    text(post(&state(&bedrock), "/chat/stream/", &json!({"session_id": "a", "message": "Hi"})).await).await;

    let call = bedrock.calls().remove(0);
    assert_eq!(call.path, format!("/model/{}/converse-stream", MODEL_ID.replace(':', "%3A")));
    assert!(call.headers["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=AKIATEST/"));
    assert_eq!(
        call.body,
        json!({
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 64},
        })
    );
}

#[tokio::test]
async fn the_model_sees_earlier_exchanges_as_turns_of_their_own_session_only() {
    let bedrock = FakeBedrock::start([says(&["Blue", "."]), says(&["Other."]), says(&["Because."])]).await;
    let state = state(&bedrock);
    for (session, message) in [("a", "Colour?"), ("b", "Hello"), ("a", "Elaborate on that")] {
        text(post(&state, "/chat/stream/", &json!({"session_id": session, "message": message})).await).await;
    }
    assert_eq!(
        bedrock.calls()[2].body["messages"],
        json!([
            {"role": "user", "content": [{"text": "Colour?"}]},
            {"role": "assistant", "content": [{"text": "Blue."}]},
            {"role": "user", "content": [{"text": "Elaborate on that"}]},
        ])
    );
}

#[tokio::test]
async fn a_failed_exchange_leaves_no_trace_in_the_session() {
    let broken = Script::Stream(vec![Act::Text("half an ans"), Act::Exception("modelStreamErrorException", "broken")]);
    let bedrock = FakeBedrock::start([broken, says(&["Fine."])]).await;
    let state = state(&bedrock);
    for message in ["First", "Again"] {
        text(post(&state, "/chat/stream/", &json!({"session_id": "a", "message": message})).await).await;
    }
    assert_eq!(bedrock.calls()[1].body["messages"], json!([{"role": "user", "content": [{"text": "Again"}]}]));
}

#[tokio::test]
async fn an_empty_answer_ends_well_and_does_not_become_a_turn() {
    let bedrock = FakeBedrock::start([says(&[]), says(&["Now."])]).await;
    let state = state(&bedrock);
    let events = text(post(&state, "/chat/stream/", &json!({"session_id": "a", "message": "First"})).await).await;
    assert!(events.contains(r#""finish_reason":"stop""#), "{events}");
    text(post(&state, "/chat/stream/", &json!({"session_id": "a", "message": "Second"})).await).await;
    assert_eq!(bedrock.calls()[1].body["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_reached_the_bound_says_so() {
    let bedrock = FakeBedrock::start([Script::Stream(vec![Act::Text("long"), Act::Stop("max_tokens")])]).await;
    let events =
        text(post(&state(&bedrock), "/chat/stream/", &json!({"session_id": "a", "message": "Hi"})).await).await;
    assert!(events.contains(r#""finish_reason":"length""#), "{events}");
}

#[tokio::test]
async fn the_whole_answer_comes_as_one_document_on_request() {
    let bedrock = FakeBedrock::start([says(&["Hello", " there"])]).await;
    let response = post(&state(&bedrock), "/chat/", &json!({"session_id": "a", "message": "Hi"})).await;
    assert_eq!(response.status(), StatusCode::OK);
    insta::assert_snapshot!(serde_json::to_string_pretty(&steady(json(response).await)).unwrap());
}

#[tokio::test]
async fn a_deleted_session_is_forgotten() {
    let bedrock = FakeBedrock::start([says(&["One."]), says(&["Two."])]).await;
    let state = state(&bedrock);
    let ask =
        async |message| text(post(&state, "/chat/", &json!({"session_id": "4::t 1", "message": message})).await).await;
    let delete = async || {
        json(call(&state, Request::delete("/chat/sessions/4::t%201").body(Body::empty()).unwrap()).await).await
    };

    ask("First").await;
    assert_eq!(delete().await, json!({"session_id": "4::t 1", "deleted": true}));
    assert_eq!(delete().await, json!({"session_id": "4::t 1", "deleted": false}));
    ask("Second").await;
    assert_eq!(bedrock.calls()[1].body["messages"].as_array().unwrap().len(), 1);
}
