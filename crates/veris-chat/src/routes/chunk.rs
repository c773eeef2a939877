//! A piece of a streamed answer, as every dialect of the contract has it.

use serde::Serialize;

use crate::answer::Head;
use crate::bedrock::Finish;

/// What a dialect adds to its chunks is in `more`; `()` adds nothing.
#[derive(Debug, Serialize)]
pub(super) struct Chunk<'a, M> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(flatten)]
    more: M,
}

/// There is one answer to a question, so there is one choice, or none in a chunk that only tells the usage.
#[derive(Debug, Default, Serialize)]
pub(super) struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    finish_reason: Option<Finish>,
}

#[derive(Debug, Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl<'a, M> Chunk<'a, M> {
    pub(super) fn new(head: &'a Head, choices: &'a [Choice<'a>], more: M) -> Self {
        let Head { id, created, model } = head;
        Self { id, object: "chat.completion.chunk", created: *created, model, choices, more }
    }
}

impl<'a> Choice<'a> {
    /// The beginning of an answer, before it says anything.
    pub(super) fn role() -> Self {
        Self { delta: Delta { role: Some("assistant"), content: Some("") }, ..Self::default() }
    }

    pub(super) fn text(text: &'a str) -> Self {
        Self { delta: Delta { role: None, content: Some(text) }, ..Self::default() }
    }

    pub(super) fn end(finish: Finish) -> Self {
        Self { finish_reason: Some(finish), ..Self::default() }
    }
}
