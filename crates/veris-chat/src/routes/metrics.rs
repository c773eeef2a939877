//! `GET /metrics`: counters for Prometheus.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::api_error::ApiError;
use crate::metrics;

pub(crate) async fn metrics() -> Result<Response, ApiError> {
    let text = metrics::render().ok_or_else(ApiError::internal)?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
