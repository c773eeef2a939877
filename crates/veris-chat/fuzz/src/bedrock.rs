//! Bedrock behind the real SDK, without a network.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrockruntime::{Client, Config};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;

/// What Bedrock is about to say, and what it was asked.
#[derive(Debug, Default)]
pub struct Stage {
    pub chunks: Vec<Bytes>,
    pub asked: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Actor(Arc<Mutex<Stage>>);

impl HttpConnector for Actor {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut stage = self.0.lock().expect("nobody panics with it");
        stage.asked = request.body().bytes().map(<[u8]>::to_vec);
        let frames = std::mem::take(&mut stage.chunks).into_iter();
        let frames = frames.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
        let body = SdkBody::from_body_1_x(StreamBody::new(futures_util::stream::iter(frames)));
        let mut response = HttpResponse::new(200.try_into().expect("a status"), body);
        response.headers_mut().insert("content-type", "application/vnd.amazon.eventstream");
        HttpConnectorFuture::ready(Ok(response))
    }
}

pub(crate) fn client(stage: Arc<Mutex<Stage>>) -> Client {
    let connector = SharedHttpConnector::new(Actor(stage));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIAFUZZ", "secret", None, None, "fuzz"))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()));
    Client::from_conf(config.build())
}

/// An event as Bedrock frames it.
pub fn event(kind: &str, payload: &str) -> Bytes {
    frame([(":message-type", "event"), (":event-type", kind)], payload)
}

/// An exception in the middle of an answer.
pub fn exception(code: &str, payload: &str) -> Bytes {
    frame([(":message-type", "exception"), (":exception-type", code)], payload)
}

/// A piece of the answer.
pub fn spoken(text: &str) -> Bytes {
    event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": text}}).to_string())
}

/// The end of a complete answer.
pub fn stop() -> Bytes {
    event("messageStop", r#"{"stopReason":"end_turn"}"#)
}

/// The same bytes, cut into pieces of this size.
pub fn cut(frames: &[Bytes], size: usize) -> Vec<Bytes> {
    frames.concat().chunks(size).map(Bytes::copy_from_slice).collect()
}

fn frame(headers: [(&str, &str); 2], payload: &str) -> Bytes {
    let headers = headers.into_iter().chain([(":content-type", "application/json")]);
    let message = headers.fold(Message::new(payload.to_owned()), |message, (name, value)| {
        message.add_header(Header::new(name.to_owned(), HeaderValue::String(value.to_owned().into())))
    });
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("what is fuzzed is short");
    bytes.into()
}
