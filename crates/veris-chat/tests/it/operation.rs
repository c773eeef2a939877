//! What operators rely on: readiness, keys, limits, ids, origins.

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use serde_json::{Value, json};
use veris_chat::AppState;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::server::{call, get, json, post, read_until, state, state_with, text};

fn denied() -> Script {
    Script::Refuse { status: 403, code: "AccessDeniedException", message: "explicit deny in a service control policy" }
}

#[tokio::test]
async fn ready_asks_bedrock_once_and_then_remembers() {
    let bedrock = FakeBedrock::start([says(&["Hello"])]).await;
    let state = state(&bedrock);
    for _ in 0..3 {
        let (status, body) = get(&state, "/ready").await;
        assert_eq!(status, 200);
        insta::allow_duplicates! {
            insta::assert_snapshot!(body, @r#"{"status":"ready","checks":{"bedrock":"ok","documents":"ok","sessions":"ok"}}"#);
        }
    }
    assert_eq!(bedrock.calls().len(), 1);
    assert_eq!(bedrock.calls()[0].body["inferenceConfig"]["maxTokens"], 1);
}

#[tokio::test]
async fn a_denial_that_a_chat_met_makes_the_server_not_ready_until_a_chat_succeeds() {
    let bedrock = FakeBedrock::start([denied(), says(&["ok"])]).await;
    let state = state(&bedrock);
    let ask = async || post(&state, "/chat/", &json!({"session_id": "a", "message": "Hi"})).await.status();
    assert_eq!(ask().await, 502);
    let (status, body) = get(&state, "/ready").await;
    assert_eq!(status, 503);
    insta::assert_snapshot!(body, @r#"{"status":"not ready","checks":{"bedrock":"the organisation's policy denies model `us.anthropic.claude-opus-4-5-20251101-v1:0` in a region its profile calls: ask its administrator to allow us-east-1, us-east-2 and us-west-2","documents":"ok","sessions":"ok"}}"#);
    assert_eq!(ask().await, 200);
    assert_eq!(get(&state, "/ready").await.0, 200);
}

#[tokio::test]
async fn throttling_does_not_take_the_server_out_of_service() {
    let throttled = Script::Refuse { status: 429, code: "ThrottlingException", message: "Too many tokens" };
    let bedrock = FakeBedrock::start([throttled]).await;
    let state = state(&bedrock);
    assert_eq!(get(&state, "/ready").await.0, 200);
    assert_eq!(get(&state, "/ready").await.0, 200);
}

/// The keys are `open sesame` and `password`.
const KEYS: &str = "api_keys: ['frontend:41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb', \
                    'other:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8']";

async fn with_key(state: &AppState, key: &str, method: &str, path: &str, body: &Value) -> Response {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = if key.is_empty() { request } else { request.header("authorization", format!("Bearer {key}")) };
    call(state, request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn with_keys_only_their_holders_are_answered_and_each_has_sessions_of_its_own() {
    let bedrock = FakeBedrock::start((0..3).map(|_| says(&["ok"]))).await;
    let state = state_with(&bedrock, KEYS);
    let question = json!({"session_id": "a", "message": "Hi"});
    let ask = async |key| with_key(&state, key, "POST", "/chat/", &question).await;

    let (missing, wrong) = (ask("").await, ask("open").await);
    assert_eq!((missing.status().as_u16(), missing.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
    assert_eq!(wrong.status(), 401);
    insta::assert_snapshot!(text(wrong).await, @r#"{"error":{"message":"the key is not one of this server's: ask its operator for one","type":"authentication_error","code":"invalid_api_key"}}"#);
    assert_eq!(get(&state, "/health").await.0, 200);
    assert_eq!(get(&state, "/metrics").await.0, 401);

    ask("open sesame").await;
    let forget = async |key| json(with_key(&state, key, "DELETE", "/chat/sessions/a", &Value::Null).await).await;
    assert_eq!(forget("password").await["deleted"], false);
    ask("open sesame").await;
    assert_eq!(bedrock.calls()[1].body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(forget("open sesame").await["deleted"], true);
}

#[tokio::test]
async fn a_client_beyond_its_rate_is_told_how_long_to_wait() {
    let bedrock = FakeBedrock::start([says(&["ok"])]).await;
    let state = state_with(&bedrock, "requests_per_minute: 1");
    let question = json!({"session_id": "a", "message": "Hi"});
    assert_eq!(post(&state, "/chat/", &question).await.status(), 200);
    let refused = post(&state, "/chat/", &question).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(json(refused).await["error"]["code"], "rate_limit_exceeded");
}

#[tokio::test]
async fn every_answer_carries_the_id_that_the_log_has() {
    let state = state(&FakeBedrock::start([]).await);
    let id = async |given: &str| {
        let request = Request::get("/health").header("x-request-id", given).body(Body::empty()).unwrap();
        call(&state, request).await.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id("trace-7").await, "trace-7");
    assert_eq!(id("a b").await.len(), 32);
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_only_where_they_are_named() {
    let allowed = async |config: &str| {
        let state = state_with(&FakeBedrock::start([]).await, config);
        let request = Request::options("/chat/")
            .header("origin", "https://chat.example.org")
            .header("access-control-request-method", "POST");
        let response = call(&state, request.body(Body::empty()).unwrap()).await;
        response.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    assert_eq!(allowed("").await, None);
    assert_eq!(
        allowed("cors_origins: ['https://chat.example.org']").await.as_deref(),
        Some("https://chat.example.org")
    );
    assert_eq!(allowed("cors_origins: ['https://other.example.org']").await, None);
}

#[tokio::test]
async fn each_part_of_a_call_has_its_own_limit() {
    let silent = Script::Stream(vec![Act::Silence]);
    let stuck = Script::Stream(vec![Act::Text("half"), Act::Silence]);
    for (script, config) in [
        (silent.clone(), "timeouts: {first_token: 1}"),
        (stuck.clone(), "timeouts: {idle: 1}"),
        (stuck, "timeouts: {total: 1}"),
    ] {
        let bedrock = FakeBedrock::start([script]).await;
        let response =
            post(&state_with(&bedrock, config), "/chat/stream/", &json!({"session_id": "a", "message": "Hi"})).await;
        let events = text(response).await;
        assert!(
            events.contains(r#""code":"upstream_timeout""#) && events.ends_with("data: [DONE]\n\n"),
            "{config}: {events}"
        );
    }
}

#[tokio::test]
async fn a_stream_begins_within_a_second_or_two_although_bedrock_is_silent() {
    let bedrock = FakeBedrock::start([Script::Hold]).await;
    let response = post(&state(&bedrock), "/chat/stream/", &json!({"session_id": "a", "message": "Hi"})).await;
    assert_eq!(response.status(), 200);
    read_until(&mut response.into_body().into_data_stream(), ": keep-alive").await;
}

#[tokio::test]
async fn the_pages_run_only_their_own_script_and_ask_only_their_own_server() {
    let state = state(&FakeBedrock::start([]).await);
    for (path, words) in [("/", "New conversation"), ("/docs", "openapi.json")] {
        let response = call(&state, Request::get(path).body(Body::empty()).unwrap()).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && policy.contains("connect-src 'self'"));
        let page = text(response).await;
        assert!(page.contains(words) && !page.contains("src=") && !page.contains("innerHTML"), "{path}");
    }
}

#[tokio::test]
async fn every_path_of_the_openapi_document_is_answered() {
    let state = state(&FakeBedrock::start([says(&["ok"])]).await);
    let (_, document) = get(&state, "/openapi.json").await;
    let document: Value = serde_json::from_str(&document).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.replace("{session_id}", "a").replace("{model}", "veris-chat");
            let response = with_key(&state, "", &method.to_uppercase(), &path, &json!({})).await;
            let status = response.status().as_str().to_owned();
            assert!(operation["responses"].get(&status).is_some(), "{method} {path} was answered with {status}");
        }
    }
}

#[tokio::test]
async fn metrics_are_in_the_words_of_prometheus() {
    let bedrock = FakeBedrock::start([says(&["ok"]), denied()]).await;
    let state = state(&bedrock);
    for _ in 0..2 {
        text(post(&state, "/chat/", &json!({"session_id": "a", "message": "Hi"})).await).await;
    }
    let (status, metrics) = get(&state, "/metrics").await;
    assert_eq!(status, 200);
    // Other tests of this process count as well, so values are not compared.
    for line in [
        "# TYPE chat_answers_total counter",
        "chat_answers_total{outcome=\"complete\"} ",
        "chat_answers_running ",
        "chat_tokens_total{kind=\"prompt\"} ",
        "chat_first_token_seconds_bucket{le=\"0.1\"} ",
        "http_requests_total{method=\"POST\",path=\"/chat/\",status=\"200\"} ",
        "bedrock_failures_total{kind=\"PolicyDenied\"} ",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}
