//! The event stream of ConverseStream: one frame a word, as a model would speak.

use std::time::{Duration, Instant};

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::ids;
use crate::service::{self, Response};

/// How long a word takes: an answer is seen to grow, and still takes only a second or two.
const WORD: Duration = Duration::from_millis(15);

/// Speaks the answer. The stream ends early when the caller goes away, and holds nothing that outlives it.
pub(super) fn response(answer: Answer, begun: Instant) -> Response {
    let words = answer.words.clone();
    let start = event("messageStart", &json!({"role": "assistant"}));
    let deltas = stream::iter(words).then(|word| async move {
        tokio::time::sleep(WORD).await;
        event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": word}}))
    });
    let end = stream::once(async move {
        let metadata = json!({"usage": answer.usage(), "metrics": {"latencyMs": super::milliseconds(begun)}});
        [
            event("contentBlockStop", &json!({"contentBlockIndex": 0})),
            event("messageStop", &json!({"stopReason": answer.stop_reason()})),
            event("metadata", &metadata),
        ]
    });
    let events = stream::iter([start]).chain(deltas).chain(end.flat_map(stream::iter));
    let body = BodyExt::boxed(StreamBody::new(events.map(|event| event.map(Frame::data))));
    let mut response = service::answer(200, "application/vnd.amazon.eventstream", &ids::uuid(), Bytes::new());
    *response.body_mut() = body;
    response
}

/// One event as a frame: prelude, headers, payload and checksums.
fn event(kind: &'static str, payload: &Value) -> std::io::Result<Bytes> {
    let text = |value: &'static str| HeaderValue::String(value.into());
    let message = Message::new(payload.to_string())
        .add_header(Header::new(":event-type", text(kind)))
        .add_header(Header::new(":content-type", text("application/json")))
        .add_header(Header::new(":message-type", text("event")));
    let mut frame = Vec::new();
    write_message_to(&message, &mut frame).map_err(std::io::Error::other)?;
    Ok(frame.into())
}
