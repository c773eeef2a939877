//! `POST /chat/`: the whole answer as one JSON document.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};
use serde_json::{Value, json};

use crate::access::Owner;
use crate::answer::{Answer, Completion, Head, Request};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::chat_request::{ChatRequest, RawChatRequest};
use crate::sessions::SessionKey;

pub(crate) async fn chat(
    State(state): State<AppState>,
    Extension(owner): Extension<Owner>,
    body: Result<Json<RawChatRequest>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let request = ChatRequest::parse(body)?;
    let key = SessionKey::new(&owner.0, &request.session_id);
    let answer =
        Answer::begin(&state, Request::InSession { key, question: request.message, documents: request.documents })?;
    let (head, text, completion) = answer.whole().await?;
    let mut document = document(&head, &text, &completion);
    document["citations"] = json!(completion.citations);
    document["sources"] = json!(completion.sources);
    document["timing"] = json!(completion.timing);
    document["usage"] = json!(completion.usage);
    Ok(Json(document))
}

/// An answer as every dialect of the contract has it.
pub(super) fn document(head: &Head, text: &str, completion: &Completion) -> Value {
    json!({
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": completion.finish,
        }],
    })
}
