//! `POST /v1/chat/completions`: for clients that speak OpenAI's contract and keep their conversations themselves.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::chat::document;
use super::chat_stream::chunk;
use super::models::names;
use crate::answer::{Answer, Head, Request, Step};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::completion_request::{CompletionRequest, RawCompletionRequest};
use crate::sse;

pub(crate) async fn completions(
    State(state): State<AppState>,
    body: Result<Json<RawCompletionRequest>, JsonRejection>,
) -> Result<Response, ApiError> {
    let request = CompletionRequest::parse(body, &names(&state))?;
    let answer = Answer::begin(&state, Request::Alone(request.prompt))?;
    if request.stream {
        let words = if request.include_usage { words_with_usage } else { words };
        return sse::respond(answer, words).await;
    }
    let (head, text, completion) = answer.whole().await?;
    let mut document = document(&head, &text, &completion);
    document["usage"] = json!(completion.usage);
    Ok(Json(document).into_response())
}

fn words(head: &Head, step: &Step) -> Vec<Value> {
    let (delta, finish) = match step {
        // OpenAI's streams begin with the role and without a text.
        Step::Status(_) => (json!({"role": "assistant", "content": ""}), None),
        Step::Delta(text) => (json!({"content": text}), None),
        Step::Complete(completion) => (json!({}), Some(completion.finish)),
    };
    vec![chunk(head, &json!([{"index": 0, "delta": delta, "finish_reason": finish}]))]
}

/// Every chunk has the field, and one more after the last holds its value.
fn words_with_usage(head: &Head, step: &Step) -> Vec<Value> {
    let mut chunks = words(head, step);
    for chunk in &mut chunks {
        chunk["usage"] = Value::Null;
    }
    if let Step::Complete(completion) = step {
        let mut last = chunk(head, &json!([]));
        last["usage"] = json!(completion.usage);
        chunks.push(last);
    }
    chunks
}
