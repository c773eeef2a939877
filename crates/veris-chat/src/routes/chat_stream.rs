//! `POST /chat/stream/`: the answer as server-sent events, piece by piece.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Response;
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::{Value, json};

use super::chunk::{Choice, Chunk};
use crate::access::Owner;
use crate::answer::{Answer, Completion, Head, Request, Status, Step, Timing, Usage};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::chat_request::{ChatRequest, RawChatRequest};
use crate::sessions::SessionKey;
use crate::sse::{self, Text};

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

fn words(head: &Head, step: &Step, text: &mut Text) {
    match step {
        Step::Status(Status { status, message }) => {
            text.event(&json!({"object": "chat.status", "status": status, "message": message}));
        }
        Step::Delta(delta) => text.event(&Chunk::new(head, &[Choice::text(delta)], ())),
        Step::Complete(completion) => {
            text.event(&Chunk::new(head, &[Choice::end(completion.finish)], Facts::from(completion)));
        }
    }
}

/// What the last chunk tells of the whole answer.
#[derive(Serialize)]
struct Facts<'a> {
    citations: &'a [String],
    sources: &'a [Value],
    timing: Timing,
    usage: Option<Usage>,
}

impl<'a> From<&'a Completion> for Facts<'a> {
    fn from(completion: &'a Completion) -> Self {
        let Completion { citations, sources, timing, usage, .. } = completion;
        Self { citations, sources, timing: *timing, usage: *usage }
    }
}
