//! `POST /chat/`: the whole answer as one JSON document.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde_json::{Value, json};

use crate::answer::{Answer, Step};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::chat_request::{ChatRequest, RawChatRequest};

pub(crate) async fn chat(
    State(state): State<AppState>,
    body: Result<Json<RawChatRequest>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let mut answer = Answer::begin(&state, ChatRequest::parse(body)?).await?;
    loop {
        let step = tokio::select! {
            step = answer.next() => step?,
            () = state.shutdown.triggered() => return Err(answer.interrupt()),
        };
        if let Step::Complete(completion) = step {
            return Ok(Json(json!({
                "id": answer.id,
                "object": "chat.completion",
                "created": answer.created,
                "model": answer.model_id,
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": completion.text},
                    "finish_reason": completion.finish,
                }],
                "citations": [],
                "sources": [],
                "timing": completion.timing,
                "usage": completion.usage,
            })));
        }
    }
}
