//! What a client asks, parsed once.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::api_error::ApiError;

const MAX_SESSION_ID_BYTES: usize = 256;
const MAX_MESSAGE_CHARACTERS: usize = 32_000;

/// The body of both chat endpoints. Clients send fields of their own, so unknown ones are let through.
#[derive(Debug, Deserialize)]
pub(crate) struct RawChatRequest {
    session_id: String,
    message: String,
    #[serde(default)]
    document_urls: Option<Vec<String>>,
}

/// A request that can be answered.
#[derive(Debug)]
pub(crate) struct ChatRequest {
    pub(crate) session_id: String,
    pub(crate) message: String,
    /// This version does not read documents and says so in its answer.
    pub(crate) wants_documents: bool,
}

impl ChatRequest {
    pub(crate) fn parse(body: Result<Json<RawChatRequest>, JsonRejection>) -> Result<Self, ApiError> {
        let Json(raw) = body.map_err(|rejection| {
            ApiError::invalid_request(rejection.status(), "invalid_body", unreadable(&rejection))
        })?;
        if !is_session_id(&raw.session_id) {
            return Err(bad_request(
                "invalid_session_id",
                format!("`session_id` must have 1 to {MAX_SESSION_ID_BYTES} bytes and no control characters"),
            ));
        }
        if raw.message.trim().is_empty() {
            return Err(bad_request("empty_message", "`message` is empty: send the text of the question".to_owned()));
        }
        if raw.message.chars().count() > MAX_MESSAGE_CHARACTERS {
            return Err(bad_request(
                "message_too_long",
                format!("`message` has more than {MAX_MESSAGE_CHARACTERS} characters: shorten it"),
            ));
        }
        let wants_documents = raw.document_urls.is_some_and(|urls| !urls.is_empty());
        Ok(Self { session_id: raw.session_id, message: raw.message, wants_documents })
    }
}

/// The rejection's text names the field and the position, never the body's text.
fn unreadable(rejection: &JsonRejection) -> String {
    format!(
        "the body must be JSON like {{\"session_id\": \"a157\", \"message\": \"…\"}} with `Content-Type: application/json`: {}",
        rejection.body_text()
    )
}

fn is_session_id(text: &str) -> bool {
    (1..=MAX_SESSION_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn bad_request(code: &'static str, message: String) -> ApiError {
    ApiError::invalid_request(StatusCode::BAD_REQUEST, code, message)
}
