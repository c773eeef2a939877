//! Whatever comes from Bedrock, the client gets a stream that ends, or a refusal; what it reads is what was said before the first fault.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use veris_chat_fuzz::ask;
use veris_chat_fuzz::bedrock::{cut, event, exception, spoken, stop};
use veris_chat_fuzz::contract::{assert_error, assert_refused, events, text};

#[derive(Debug, Arbitrary)]
enum Frame<'a> {
    Spoken(&'a str),
    Stop,
    StopFor(&'a str),
    Usage {
        input: i32,
        output: i32,
        total: i32,
    },
    Event {
        kind: Kind<'a>,
        payload: &'a str,
    },
    Exception {
        code: Code<'a>,
        payload: &'a str,
    },
    /// The same frame with one of its bits turned.
    Damaged {
        text: &'a str,
        bit: u16,
    },
    Bytes(&'a [u8]),
}

#[derive(Debug, Arbitrary)]
enum Kind<'a> {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    ContentBlockStop,
    MessageStop,
    Metadata,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Code<'a> {
    Throttling,
    Validation,
    ServiceUnavailable,
    Other(&'a str),
}

impl Frame<'_> {
    fn bytes(&self) -> Bytes {
        match self {
            Self::Spoken(text) => spoken(text),
            Self::Stop => stop(),
            Self::StopFor(reason) => event("messageStop", &serde_json::json!({"stopReason": reason}).to_string()),
            Self::Usage { input, output, total } => {
                let usage = serde_json::json!({"inputTokens": input, "outputTokens": output, "totalTokens": total});
                event("metadata", &serde_json::json!({"usage": usage}).to_string())
            }
            Self::Event { kind, payload } => event(kind.name(), payload),
            Self::Exception { code, payload } => exception(code.name(), payload),
            Self::Damaged { text, bit } => {
                let mut bytes = spoken(text).to_vec();
                let bit = usize::from(*bit) % (8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes.into()
            }
            Self::Bytes(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

impl Kind<'_> {
    fn name(&self) -> &str {
        match self {
            Self::MessageStart => "messageStart",
            Self::ContentBlockStart => "contentBlockStart",
            Self::ContentBlockDelta => "contentBlockDelta",
            Self::ContentBlockStop => "contentBlockStop",
            Self::MessageStop => "messageStop",
            Self::Metadata => "metadata",
            Self::Other(name) => name,
        }
    }
}

impl Code<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Throttling => "throttlingException",
            Self::Validation => "validationException",
            Self::ServiceUnavailable => "serviceUnavailableException",
            Self::Other(name) => name,
        }
    }
}

fuzz_target!(|input: (u8, Vec<Frame<'_>>)| {
    let (size, frames) = input;
    let sent: Vec<_> = frames.iter().map(Frame::bytes).collect();
    let body = br#"{"session_id": "fuzz", "message": "Hi"}"#;
    let answer = ask("/chat/stream/", body, cut(&sent, usize::from(size) + 1));
    if answer.status != 200 {
        return assert_refused(&answer, &[400, 401, 403, 413, 429, 500, 502, 503, 504]);
    }
    let events = events(&answer);
    if let Some(failed) = events.iter().find(|event| event.get("error").is_some()) {
        assert_error(failed);
        assert_eq!(events.last(), Some(failed), "an error is the last event");
    }
    // Up to the first frame that is not a plain piece, the client must have everything, in order.
    let plain: String =
        frames.iter().map_while(|frame| if let Frame::Spoken(text) = frame { Some(*text) } else { None }).collect();
    assert!(text(&events).starts_with(&plain), "{events:?}");
});
