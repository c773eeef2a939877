//! Tokens out of the bytes of an answer.

use std::borrow::Cow;

use anyhow::{Context, bail};
use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::Value;

use crate::conversation::Token;

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Token(Token),
    /// The answer is whole.
    End,
}

/// Collects bytes until they are a piece.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: BytesMut,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Server-sent events of the chat contract.
    Events,
    /// Bedrock's frames.
    Frames(MessageFrameDecoder),
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Spoken<'a> {
    #[serde(borrow)]
    delta: SpokenDelta<'a>,
}

#[derive(Deserialize)]
struct SpokenDelta<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl Reader {
    pub(crate) fn events() -> Self {
        Self { buffer: BytesMut::new(), form: Form::Events }
    }

    pub(crate) fn frames() -> Self {
        Self { buffer: BytesMut::new(), form: Form::Frames(MessageFrameDecoder::new()) }
    }

    pub(crate) fn feed(&mut self, bytes: &Bytes) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next piece of what was fed, if it is complete.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        match &mut self.form {
            Form::Events => self.event(),
            Form::Frames(decoder) => loop {
                match decoder.decode_frame(&mut self.buffer)? {
                    DecodedFrame::Incomplete => return Ok(None),
                    DecodedFrame::Complete(message) => {
                        let header = message.headers().iter().find(|header| header.name().as_str() == ":event-type");
                        let kind =
                            header.and_then(|header| header.value().as_string().ok()).context("no event type")?;
                        match kind.as_str() {
                            "contentBlockDelta" => {
                                let spoken: Spoken<'_> = serde_json::from_slice(message.payload())?;
                                return Ok(Some(Piece::Token(spoken.delta.text.parse()?)));
                            }
                            "messageStop" => return Ok(Some(Piece::End)),
                            _ => {}
                        }
                    }
                }
            },
        }
    }

    fn event(&mut self) -> anyhow::Result<Option<Piece>> {
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line = self.buffer.split_to(end);
            self.buffer.advance(1);
            let Some(data) = line.strip_prefix(b"data: ") else { continue };
            if data == b"[DONE]" {
                return Ok(Some(Piece::End));
            }
            let event: Event<'_> = serde_json::from_slice(data)?;
            if let Some(error) = event.error {
                bail!("the server says: {error}");
            }
            if let Some(text) = event.choices.first().and_then(|choice| choice.delta.content.as_deref()) {
                return Ok(Some(Piece::Token(text.parse()?)));
            }
        }
        Ok(None)
    }
}
