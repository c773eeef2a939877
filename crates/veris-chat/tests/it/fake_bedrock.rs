//! Bedrock's side of the wire on a loopback port: real event-stream frames for the real SDK.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

/// What Bedrock does with one call.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    Stream(Vec<Act>),
    Refuse {
        status: u16,
        code: &'static str,
        message: &'static str,
    },
    /// Does not even accept the call.
    Hold,
}

/// One moment of a streamed answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Text(&'static str),
    /// The same, a byte at a time.
    Crumbs(&'static str),
    Byte(u8),
    /// A text whose checksum is wrong.
    Damaged(&'static str),
    Stop(&'static str),
    Usage,
    Exception(&'static str, &'static str),
    /// Says nothing until the caller leaves.
    Silence,
    /// Cuts the connection once the test asks for it.
    Cut,
    /// Goes on once the test asks for it.
    Pause,
}

/// What a caller sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Debug)]
pub(crate) struct FakeBedrock {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    embedded: Arc<Mutex<Vec<Call>>>,
    cut: Arc<Notify>,
    departures: mpsc::UnboundedReceiver<()>,
}

#[derive(Debug, Clone)]
struct Stage {
    scripts: Arc<Mutex<VecDeque<Script>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    embedded: Arc<Mutex<Vec<Call>>>,
    cut: Arc<Notify>,
    departed: mpsc::UnboundedSender<()>,
}

impl FakeBedrock {
    /// Plays one script a call, in order.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let (departed, departures) = mpsc::unbounded_channel();
        let calls = Arc::default();
        let embedded = Arc::default();
        let cut = Arc::<Notify>::default();
        let scripts = Arc::new(Mutex::new(scripts.into_iter().collect()));
        let stage = Stage {
            scripts,
            calls: Arc::clone(&calls),
            embedded: Arc::clone(&embedded),
            cut: Arc::clone(&cut),
            departed,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, Router::new().fallback(converse_stream).with_state(stage)).into_future());
        Self { address, calls, embedded, cut, departures }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Calls of the embedding model, which has no script.
    pub(crate) fn embedded(&self) -> Vec<Call> {
        self.embedded.lock().unwrap().clone()
    }

    /// Lets an answer go on that has come to [`Act::Cut`] or [`Act::Pause`].
    pub(crate) fn go_on(&self) {
        self.cut.notify_one();
    }

    /// Does the same from another thread.
    pub(crate) fn go_on_later(&self) -> Arc<Notify> {
        Arc::clone(&self.cut)
    }

    /// Whether a caller has left in the middle of an answer.
    pub(crate) fn was_left(&mut self) -> bool {
        self.departures.try_recv().is_ok()
    }

    /// Waits until a caller has left in the middle of an answer.
    pub(crate) async fn departure(&mut self) {
        self.departures.recv().await.unwrap();
    }
}

/// A complete answer of these words.
pub(crate) fn says(words: &[&'static str]) -> Script {
    let text = words.iter().map(|word| Act::Text(word));
    Script::Stream(text.chain([Act::Stop("end_turn"), Act::Usage]).collect())
}

async fn converse_stream(State(stage): State<Stage>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let call = Call { path: head.uri.path().to_owned(), headers: head.headers, body };
    if call.path.ends_with("/invoke") {
        let answer = embeddings(&call);
        stage.embedded.lock().unwrap().push(call);
        return answer;
    }
    stage.calls.lock().unwrap().push(call);
    let script = stage.scripts.lock().unwrap().pop_front().expect("one script for each call");
    match script {
        Script::Refuse { status, code, message } => (
            StatusCode::from_u16(status).unwrap(),
            [("x-amzn-errortype", code), ("content-type", "application/json")],
            json!({"message": message}).to_string(),
        )
            .into_response(),
        Script::Hold => match std::future::pending::<Infallible>().await {},
        Script::Stream(acts) => {
            let performance = Performance { acts: acts.into(), cut: stage.cut, departed: stage.departed, over: false };
            let frames = futures_util::stream::unfold(performance, async |mut performance| {
                performance.next().await.map(|frame| (frame, performance))
            });
            ([("content-type", "application/vnd.amazon.eventstream")], Body::from_stream(frames)).into_response()
        }
    }
}

/// Texts that share words have vectors that are alike.
fn embeddings(call: &Call) -> Response {
    if call.path.contains("denied") {
        let message = json!({"message": "User: x is not authorized with an explicit deny in a service control policy"});
        return (StatusCode::FORBIDDEN, [("x-amzn-errortype", "AccessDeniedException")], message.to_string())
            .into_response();
    }
    let vector = |text: &Value| {
        let mut vector = vec![0.0_f32; 1024];
        for word in text.as_str().unwrap().to_lowercase().split(|c: char| !c.is_alphanumeric()) {
            let place = word.bytes().fold(7_usize, |hash, byte| (hash * 31 + usize::from(byte)) % 1024);
            vector[place] += 1.0;
        }
        json!(vector)
    };
    let texts = call.body["texts"].as_array().unwrap();
    let vectors: Vec<Value> = texts.iter().map(vector).collect();
    ([("content-type", "application/json")], json!({"embeddings": vectors}).to_string()).into_response()
}

struct Performance {
    acts: VecDeque<Act>,
    cut: Arc<Notify>,
    departed: mpsc::UnboundedSender<()>,
    over: bool,
}

impl Performance {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let Some(act) = self.acts.pop_front() else {
            self.over = true;
            return None;
        };
        match act {
            Act::Pause => {
                self.cut.notified().await;
                return Box::pin(self.next()).await;
            }
            Act::Crumbs(text) => {
                let bytes = spoken(text);
                bytes.iter().rev().for_each(|byte| self.acts.push_front(Act::Byte(*byte)));
                return Box::pin(self.next()).await;
            }
            _ => {}
        }
        Some(match act {
            Act::Pause | Act::Crumbs(_) => unreachable!("others came in their place"),
            Act::Text(text) => Ok(spoken(text)),
            Act::Byte(byte) => Ok(Bytes::copy_from_slice(&[byte])),
            Act::Damaged(text) => {
                let mut bytes = spoken(text).to_vec();
                *bytes.last_mut().unwrap() ^= 1;
                Ok(bytes.into())
            }
            Act::Stop(reason) => Ok(event("messageStop", &json!({"stopReason": reason}))),
            Act::Usage => Ok(event(
                "metadata",
                &json!({
                    "usage": {"inputTokens": 11, "outputTokens": 3, "totalTokens": 19, "cacheReadInputTokens": 5},
                    "metrics": {"latencyMs": 7},
                }),
            )),
            Act::Exception(code, message) => Ok(exception(code, message)),
            Act::Silence => match std::future::pending::<Infallible>().await {},
            Act::Cut => {
                self.cut.notified().await;
                Err(io::Error::other("cut"))
            }
        })
    }
}

impl Drop for Performance {
    fn drop(&mut self) {
        if !self.over {
            // A test that does not wait for departures has dropped the receiver.
            let _ = self.departed.send(());
        }
    }
}

fn spoken(text: &str) -> Bytes {
    event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": text}}))
}

fn event(kind: &'static str, payload: &Value) -> Bytes {
    frame([(":message-type", "event"), (":event-type", kind)], payload)
}

fn exception(code: &'static str, message: &str) -> Bytes {
    frame([(":message-type", "exception"), (":exception-type", code)], &json!({"message": message}))
}

fn frame(headers: [(&'static str, &'static str); 2], payload: &Value) -> Bytes {
    let message = headers
        .into_iter()
        .chain([(":content-type", "application/json")])
        .fold(Message::new(payload.to_string()), |message, (name, value)| {
            message.add_header(Header::new(name, HeaderValue::String(value.into())))
        });
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes.into()
}
