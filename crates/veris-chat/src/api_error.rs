//! Errors as the clients see them: `{"error":{"message","type","code"}}` with a status.

use std::error::Error;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::bedrock::{Failure, FailureKind};
use crate::documents::DocumentError;
use crate::library::StoreFailure;
use crate::sessions::StoreError;

/// Bedrock says that it throttles but not for how long; its quotas are counted by the minute.
const RETRY_AFTER_THROTTLING: u64 = 10;
const RETRY_AFTER_OVERLOAD: u64 = 5;

/// An error with everything a client needs to act on it.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    pub(crate) code: &'static str,
    message: String,
    /// In seconds.
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn invalid_request(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind: "invalid_request_error", code, message: message.into(), retry_after: None }
    }

    pub(crate) fn not_found() -> Self {
        let message = "there is nothing at this path: the service answers /health, /version, /chat/, /chat/stream/, /chat/sessions/{id} and /v1/";
        Self::invalid_request(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn model_not_found(models: &[&str]) -> Self {
        let message = format!("there is no such model here: send `model` as `{}`", models.join("` or `"));
        Self::invalid_request(StatusCode::NOT_FOUND, "model_not_found", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "this path does not answer the method of the request: the header Allow names those it answers";
        Self::invalid_request(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    pub(crate) fn session_busy() -> Self {
        let message =
            "the previous message of this session is still being answered: wait for its end, or use another session_id";
        Self::invalid_request(StatusCode::CONFLICT, "session_busy", message)
    }

    pub(crate) fn too_many_documents(most: usize) -> Self {
        let message = format!("the session would have more than {most} documents: start a new session");
        Self::invalid_request(StatusCode::BAD_REQUEST, "too_many_documents", message)
    }

    pub(crate) fn overloaded() -> Self {
        let message = "the server answers as many chats as it may at the same time: wait and send the message again";
        Self::limited("overloaded", message).retry_after(RETRY_AFTER_OVERLOAD)
    }

    pub(crate) fn too_many_requests(seconds: u64) -> Self {
        let message = format!("this client has used up its requests for the moment: wait {seconds} s");
        Self::limited("rate_limit_exceeded", message).retry_after(seconds)
    }

    pub(crate) fn no_key() -> Self {
        Self::unauthorized("missing_api_key", "this server wants a key: send it as `Authorization: Bearer KEY`")
    }

    pub(crate) fn wrong_key() -> Self {
        Self::unauthorized("invalid_api_key", "the key is not one of this server's: ask its operator for one")
    }

    fn unauthorized(code: &'static str, message: &str) -> Self {
        Self { kind: "authentication_error", ..Self::invalid_request(StatusCode::UNAUTHORIZED, code, message) }
    }

    fn limited(code: &'static str, message: impl Into<String>) -> Self {
        Self { kind: "rate_limit_error", ..Self::server(StatusCode::TOO_MANY_REQUESTS, code, message) }
    }

    pub(crate) fn stopping() -> Self {
        let message = "the server is stopping: send the message again";
        Self::server(StatusCode::SERVICE_UNAVAILABLE, "stopping", message).retry_after(RETRY_AFTER_OVERLOAD)
    }

    pub(crate) fn internal() -> Self {
        let message = "the server failed while it answered: report it with the time, and send the message again";
        Self::server(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    }

    /// The cause goes to the log: it names paths.
    pub(crate) fn session_store(error: &StoreError) -> Self {
        if let StoreError::Overtaken = error {
            let message = "the session was continued or deleted elsewhere while this answer was written, so it was not \
                           kept: send the message again";
            return Self::invalid_request(StatusCode::CONFLICT, "session_overtaken", message);
        }
        tracing::error!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
        let message = "the conversation cannot be read or kept at the moment: the log of the server says why";
        Self::server(StatusCode::SERVICE_UNAVAILABLE, "session_store_unavailable", message)
            .retry_after(RETRY_AFTER_OVERLOAD)
    }

    /// The cause goes to the log: it names paths.
    pub(crate) fn library(error: &StoreFailure) -> Self {
        tracing::error!("{error}");
        let message = "documents cannot be found or kept at the moment: the log of the server says why";
        Self::server(StatusCode::SERVICE_UNAVAILABLE, "vector_store_unavailable", message)
            .retry_after(RETRY_AFTER_OVERLOAD)
    }

    fn server(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind: "server_error", code, message: message.into(), retry_after: None }
    }

    fn upstream(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind: "upstream_error", ..Self::server(status, code, message) }
    }

    fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The body, and the same object inside a stream that has begun.
    pub(crate) fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "code": self.code}})
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        Self { kind: "document_error", ..Self::invalid_request(error.status(), error.code(), error.to_string()) }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let message = failure.message;
        let upstream = |status, code| Self::upstream(status, code, message.as_str());
        match failure.kind {
            FailureKind::PolicyDenied => upstream(StatusCode::BAD_GATEWAY, "upstream_policy_denied"),
            FailureKind::AccessDenied => upstream(StatusCode::BAD_GATEWAY, "upstream_access_denied"),
            FailureKind::NoCredentials | FailureKind::CredentialsRejected => {
                upstream(StatusCode::SERVICE_UNAVAILABLE, "credentials_unavailable")
            }
            FailureKind::ModelConfiguration => {
                Self::server(StatusCode::INTERNAL_SERVER_ERROR, "model_config_error", message)
            }
            FailureKind::ContextTooLong => {
                Self::invalid_request(StatusCode::BAD_REQUEST, "context_length_exceeded", message)
            }
            FailureKind::Rejected => upstream(StatusCode::BAD_GATEWAY, "upstream_rejected"),
            FailureKind::Throttled => {
                let error = upstream(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded");
                Self { kind: "rate_limit_error", retry_after: Some(RETRY_AFTER_THROTTLING), ..error }
            }
            FailureKind::Unavailable | FailureKind::Unreachable => {
                upstream(StatusCode::SERVICE_UNAVAILABLE, "upstream_unavailable").retry_after(RETRY_AFTER_OVERLOAD)
            }
            FailureKind::Timeout => upstream(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
            FailureKind::ModelFailed | FailureKind::BrokeOff => upstream(StatusCode::BAD_GATEWAY, "upstream_error"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
