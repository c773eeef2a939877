//! OpenAI's contract: its wire format, and its own Python client.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use veris_chat::serve;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::python;
use crate::server::{get, json, post, readable, state, steady, text};

fn conversation(stream: bool) -> Value {
    json!({
        "model": "veris-chat", "stream": stream, "stream_options": {"include_usage": true}, "temperature": 0.2,
        "max_tokens": 1000, "stop": ["END"],
        "messages": [
            {"role": "system", "content": "Speak like a pirate."},
            {"role": "user", "content": "Colour?"},
            {"role": "assistant", "content": "Blue."},
            {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
        ],
    })
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap()
}

#[tokio::test]
async fn a_completion_streams_with_its_usage_in_a_last_chunk() {
    let bedrock = FakeBedrock::start([says(&["Be", "cause."])]).await;
    let events = text(post(&state(&bedrock), "/v1/chat/completions", &conversation(true)).await).await;
    insta::assert_snapshot!(readable(&events));
    insta::assert_snapshot!(pretty(&bedrock.calls()[0].body));
}

#[tokio::test]
async fn a_completion_comes_as_one_document_unless_a_stream_is_asked_for() {
    let bedrock = FakeBedrock::start([says(&["Be", "cause."])]).await;
    let document = json(post(&state(&bedrock), "/v1/chat/completions", &conversation(false)).await).await;
    insta::assert_snapshot!(pretty(&steady(document)));
}

#[tokio::test]
async fn the_model_is_listed_under_its_name_and_under_one_that_stays() {
    let state = state(&FakeBedrock::start([]).await);
    let (_, models) = get(&state, "/v1/models").await;
    insta::assert_snapshot!(models, @r#"{"object":"list","data":[{"id":"veris-chat","object":"model","created":0,"owned_by":"bedrock"},{"id":"us.anthropic.claude-opus-4-5-20251101-v1:0","object":"model","created":0,"owned_by":"bedrock"}]}"#);
    assert_eq!(get(&state, "/v1/models/veris-chat").await.0, 200);
    let (status, error) = get(&state, "/v1/models/gpt-4o").await;
    assert_eq!(status, 404);
    insta::assert_snapshot!(error, @r#"{"error":{"message":"there is no such model here: send `model` as `veris-chat` or `us.anthropic.claude-opus-4-5-20251101-v1:0`","type":"invalid_request_error","code":"model_not_found"}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_is_answered() {
    let python = match tokio::task::spawn_blocking(|| python::with("openai", "openai")).await.unwrap() {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let throttled = Script::Refuse { status: 429, code: "ThrottlingException", message: "Too many tokens" };
    let broken = Script::Stream(vec![Act::Text("half"), Act::Exception("modelStreamErrorException", "broken")]);
    let bedrock = FakeBedrock::start([says(&["Be", "cause."]), says(&["Be", "cause."]), throttled, broken]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, state(&bedrock), std::future::pending(), std::time::Duration::ZERO));

    let output = tokio::task::spawn_blocking(move || {
        let mut client = Command::new(python)
            .args(["-", &format!("http://{address}/v1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.take().unwrap().write_all(include_bytes!("openai_client.py")).unwrap();
        client.wait_with_output().unwrap()
    })
    .await
    .unwrap();
    server.abort();
    assert!(output.status.success());
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}
