//! `POST /chat/stream/`: the answer as server-sent events, piece by piece.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::{Value, json};

use crate::access::Owner;
use crate::answer::{Answer, Completion, Head, Request, Step};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::chat_request::{ChatRequest, RawChatRequest};
use crate::sessions::SessionKey;
use crate::sse;

pub(crate) async fn chat_stream(
    State(state): State<AppState>,
    Extension(owner): Extension<Owner>,
    body: Result<Json<RawChatRequest>, JsonRejection>,
) -> Result<Response, ApiError> {
    let request = ChatRequest::parse(body)?;
    let key = SessionKey::new(&owner.0, &request.session_id);
    let answer =
        Answer::begin(&state, Request::InSession { key, question: request.message, documents: request.documents })?;
    sse::respond(answer, words).await
}

fn words(head: &Head, step: &Step) -> Vec<Value> {
    vec![match step {
        Step::Status(step) => status(step.status, &step.message),
        Step::Delta(text) => chunk(head, &json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}])),
        Step::Complete(completion) => last_chunk(head, completion),
    }]
}

fn status(status: &str, message: &str) -> Value {
    json!({"object": "chat.status", "status": status, "message": message})
}

fn last_chunk(head: &Head, completion: &Completion) -> Value {
    let mut last = chunk(head, &json!([{"index": 0, "delta": {}, "finish_reason": completion.finish}]));
    last["citations"] = json!(completion.citations);
    last["sources"] = json!(completion.sources);
    last["timing"] = json!(completion.timing);
    last["usage"] = json!(completion.usage);
    last
}

/// A chunk as every dialect of the contract has it.
pub(super) fn chunk(head: &Head, choices: &Value) -> Value {
    json!({
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "choices": choices,
    })
}
