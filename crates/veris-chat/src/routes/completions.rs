//! `POST /v1/chat/completions`: for clients that speak OpenAI's contract and keep their conversations themselves.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::chat::document;
use super::chunk::{Choice, Chunk};
use super::models::names;
use crate::answer::{Answer, Head, Request, Step, Usage};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::completion_request::{CompletionRequest, RawCompletionRequest};
use crate::sse::{self, Text};

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

fn words(head: &Head, step: &Step, text: &mut Text) {
    text.event(&Chunk::new(head, &[choice(step)], ()));
}

/// Every chunk has the field, and one more after the last holds its value.
fn words_with_usage(head: &Head, step: &Step, text: &mut Text) {
    text.event(&Chunk::new(head, &[choice(step)], WithUsage { usage: None }));
    if let Step::Complete(completion) = step {
        text.event(&Chunk::new(head, &[], WithUsage { usage: completion.usage }));
    }
}

#[derive(Serialize)]
struct WithUsage {
    usage: Option<Usage>,
}

fn choice(step: &Step) -> Choice<'_> {
    match step {
        // OpenAI's streams begin with the role and without a text.
        Step::Status(_) => Choice::role(),
        Step::Delta(text) => Choice::text(text),
        Step::Complete(completion) => Choice::end(completion.finish),
    }
}
