//! The chat server in process, asking the fake Bedrock through the real SDK.

use std::net::SocketAddr;

use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrockruntime::{Client, Config};
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_stream::StreamExt;
use tower::ServiceExt;
use veris_chat::{AppState, Settings, app};

use crate::fake_bedrock::FakeBedrock;

pub(crate) const MODEL_ID: &str = "us.anthropic.claude-opus-4-5-20251101-v1:0";

pub(crate) fn state(bedrock: &FakeBedrock) -> AppState {
    state_with(bedrock, "max_tokens: 64\nsystem_prompt: Be brief.\n")
}

/// The state of a server with this `config.yaml`.
pub(crate) fn state_with(bedrock: &FakeBedrock, config: &str) -> AppState {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    AppState::new(Settings::load(Some(&path), |_| None).unwrap(), client(bedrock.address)).unwrap()
}

/// Retries are the SDK's business; without them a test does not wait.
pub(crate) fn client(address: SocketAddr) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(format!("http://{address}"));
    Client::from_conf(config.build())
}

pub(crate) async fn get(state: &AppState, path: &str) -> (StatusCode, String) {
    let response = call(state, Request::get(path).body(Body::empty()).unwrap()).await;
    (response.status(), text(response).await)
}

pub(crate) async fn post(state: &AppState, path: &str, body: &Value) -> Response {
    let request = Request::post(path).header("content-type", "application/json").body(Body::from(body.to_string()));
    call(state, request.unwrap()).await
}

pub(crate) async fn call(state: &AppState, request: Request<Body>) -> Response {
    app(state.clone()).oneshot(request).await.unwrap()
}

pub(crate) async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Reads a stream until `text` has arrived.
pub(crate) async fn read_until(body: &mut BodyDataStream, text: &str) {
    let mut received = String::new();
    while !received.contains(text) {
        let piece = body.next().await.expect("the text comes before the end").unwrap();
        received.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

pub(crate) async fn json(response: Response) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

/// The events of a stream with what differs from run to run replaced.
pub(crate) fn readable(events: &str) -> String {
    let lines = events.lines().map(|line| match line.strip_prefix("data: ").map(serde_json::from_str) {
        Some(Ok(event)) => format!("data: {}", steady(event)),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn steady(mut event: Value) -> Value {
    let Some(fields) = event.as_object_mut() else { return event };
    if let Some(Value::String(id)) = fields.get_mut("id") {
        assert_eq!(id.len(), "chatcmpl-".len() + 32, "{id}");
        id.truncate("chatcmpl-".len());
        id.push('…');
    }
    if let Some(created) = fields.get_mut("created") {
        assert!(created.as_u64().unwrap() > 1_700_000_000);
        *created = Value::from(0);
    }
    for source in fields.get_mut("sources").and_then(Value::as_array_mut).into_iter().flatten() {
        let id = source["chunk_id"].as_str().unwrap();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'8'), "{id}");
        source["chunk_id"] = Value::from("…");
    }
    if let Some(Value::Object(timing)) = fields.get_mut("timing") {
        assert!(timing.values().all(|seconds| seconds.as_f64().unwrap() >= 0.0));
        timing.values_mut().for_each(|seconds| *seconds = Value::from(0));
    }
    event
}
