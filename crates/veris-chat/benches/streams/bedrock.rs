//! Bedrock's end: answers `ConverseStream` with as many tokens, and as fast, as the last message asks for.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

use crate::conversation::{Question, Token, now};
use crate::documents;
use crate::leaving::Departure;

type Departures = Arc<Mutex<Vec<Departure>>>;

/// Says where it listens, and answers until it is killed.
pub(crate) async fn serve() -> anyhow::Result<()> {
    documents::prepare();
    let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen")?;
    println!("{}", json!({"address": listener.local_addr()?.to_string()}));
    let listener = listener.tap_io(|stream| {
        // A token that waits for the next one would be charged to the server.
        let _ = stream.set_nodelay(true);
    });
    let app = Router::new()
        .route("/model/{model}/converse-stream", post(converse_stream))
        .route("/model/{model}/invoke", post(documents::embeddings))
        .route("/report.pdf", get(documents::report))
        .route("/departures", get(departures))
        .route("/latest/api/token", put(([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "token")))
        .route("/latest/meta-data/iam/security-credentials/", get("bench"))
        .route("/latest/meta-data/iam/security-credentials/bench", get(credentials))
        .with_state(Departures::default());
    axum::serve(listener, app).await.context("failed to serve")
}

async fn credentials() -> Json<Value> {
    Json(json!({
        "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIABENCH", "SecretAccessKey": "bench", "Token": "bench",
        "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z",
    }))
}

async fn departures(State(departures): State<Departures>) -> Json<Vec<Departure>> {
    Json(departures.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn converse_stream(State(departures): State<Departures>, Json(body): Json<Value>) -> Response {
    let last = body["messages"].as_array().and_then(|messages| messages.last());
    let text = last.and_then(|message| message["content"][0]["text"].as_str());
    let Some(question) = text.and_then(Question::in_text) else {
        return (StatusCode::BAD_REQUEST, [("x-amzn-errortype", "ValidationException")], "{}").into_response();
    };
    let frames = futures_util::stream::unfold(Speech::new(question, departures), async |mut speech| {
        speech.next().await.map(|frame| (Ok::<_, Infallible>(frame), speech))
    });
    ([("content-type", "application/vnd.amazon.eventstream")], Body::from_stream(frames)).into_response()
}

/// An answer on its way; dropped before its end when the connection is closed.
struct Speech {
    question: Question,
    said: u32,
    due: Instant,
    closing: VecDeque<Bytes>,
    departures: Departures,
}

impl Speech {
    fn new(question: Question, departures: Departures) -> Self {
        // Streams that were asked for in step must not speak in step.
        let due = Instant::now() + question.gap().mul_f64(fastrand::f64());
        let usage = json!({"inputTokens": 11, "outputTokens": question.tokens, "totalTokens": 11 + question.tokens});
        let closing = [
            event("contentBlockStop", &json!({"contentBlockIndex": 0}).to_string()),
            event("messageStop", r#"{"stopReason":"end_turn"}"#),
            event("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 1}}).to_string()),
        ];
        Self { question, said: 0, due, closing: closing.into(), departures }
    }

    /// Tokens come at their times, however late the one before it was.
    async fn next(&mut self) -> Option<Bytes> {
        if self.said == self.question.tokens {
            return self.closing.pop_front();
        }
        sleep_until(self.due).await;
        self.due += self.question.gap();
        let token = Token { index: self.said, sent: now() };
        self.said += 1;
        Some(event("contentBlockDelta", &format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{token}"}}}}"#)))
    }
}

impl Drop for Speech {
    fn drop(&mut self) {
        if !self.closing.is_empty() {
            let departure = Departure { id: self.question.id, at: now() };
            self.departures.lock().unwrap_or_else(PoisonError::into_inner).push(departure);
        }
    }
}

fn event(kind: &'static str, payload: &str) -> Bytes {
    let headers = [(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")];
    let message = headers.into_iter().fold(Message::new(payload.to_owned()), |message, (name, value)| {
        message.add_header(Header::new(name, HeaderValue::String(value.into())))
    });
    let mut bytes = Vec::with_capacity(payload.len() + 128);
    write_message_to(&message, &mut bytes).expect("a token fits into a frame");
    bytes.into()
}
