//! Errors as the clients see them: `{"error":{"message","type","code"}}` with a status.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::bedrock::{Failure, FailureKind};

/// Bedrock says that it throttles but not for how long; its quotas are counted by the minute.
const RETRY_AFTER_THROTTLING: &str = "10";
const RETRY_AFTER_OVERLOAD: &str = "5";

/// An error with everything a client needs to act on it.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    pub(crate) code: &'static str,
    message: String,
    retry_after: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn invalid_request(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind: "invalid_request_error", code, message: message.into(), retry_after: None }
    }

    pub(crate) fn not_found() -> Self {
        let message = "there is nothing at this path: the service answers /health, /version, /chat/, /chat/stream/ and /chat/sessions/{id}";
        Self::invalid_request(StatusCode::NOT_FOUND, "not_found", message)
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

    pub(crate) fn overloaded() -> Self {
        let message = "the server answers as many chats as it may at the same time: wait and send the message again";
        Self::server(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).retry_after(RETRY_AFTER_OVERLOAD)
    }

    pub(crate) fn stopping() -> Self {
        let message = "the server is stopping: send the message again";
        Self::server(StatusCode::SERVICE_UNAVAILABLE, "stopping", message).retry_after(RETRY_AFTER_OVERLOAD)
    }

    fn server(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind: "server_error", code, message: message.into(), retry_after: None }
    }

    fn upstream(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind: "upstream_error", ..Self::server(status, code, message) }
    }

    fn retry_after(self, seconds: &'static str) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The body, and the same object inside a stream that has begun.
    pub(crate) fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "code": self.code}})
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
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}
