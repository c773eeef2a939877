//! What a client asks, parsed once.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::Deserialize;
use url::Url;

use crate::api_error::ApiError;

const MAX_SESSION_ID_BYTES: usize = 256;
const MAX_MESSAGE_CHARACTERS: usize = 32_000;
const MAX_DOCUMENTS: usize = 10;
/// Twice a presigned URL of S3 with its token. With 50 documents a turn still fits into an item of DynamoDB.
const MAX_URL_BYTES: usize = 4_096;

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
    /// Documents that the session is about from now on, without those of before.
    pub(crate) documents: Vec<Url>,
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
        let documents = documents(raw.document_urls.unwrap_or_default())?;
        Ok(Self { session_id: raw.session_id, message: raw.message, documents })
    }
}

fn documents(urls: Vec<String>) -> Result<Vec<Url>, ApiError> {
    if urls.len() > MAX_DOCUMENTS {
        let message =
            format!("`document_urls` has more than {MAX_DOCUMENTS} entries: send the others with a later message");
        return Err(bad_request("too_many_documents", message));
    }
    let parse = |(index, text): (usize, String)| {
        let url = Url::parse(text.trim()).ok().filter(Url::has_host);
        // The text is not repeated: a presigned URL is a key.
        let unreadable =
            || format!("entry {} of `document_urls` is no URL: send one such as https://example.org/a.pdf", index + 1);
        let mut url = url.ok_or_else(|| bad_request("document_url_invalid", unreadable()))?;
        url.set_fragment(None);
        if url.as_str().len() > MAX_URL_BYTES {
            let message = format!("entry {} of `document_urls` has more than {MAX_URL_BYTES} bytes", index + 1);
            return Err(bad_request("document_url_too_long", message));
        }
        Ok(url)
    };
    urls.into_iter().enumerate().map(parse).collect()
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
