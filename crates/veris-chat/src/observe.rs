//! Each request's id, its line in the log, and its place in the metrics.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::timeout::DeadlineBody;
use tracing::Instrument;

use crate::metrics;

/// The longest body that is accepted comes in this time over any connection worth the name.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names every request in the log and in its response. Paths are logged as routes: a session's id is its client's business.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let request = request.map(|body| Body::new(DeadlineBody::new(BODY_TIMEOUT, body)));
    let began = Instant::now();
    let id = given(request.headers()).unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = id);
    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status().as_u16();
    metrics::request(method.as_str(), &route, status);
    span.in_scope(|| {
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Probes come every few seconds and say nothing.
        if matches!(route.as_str(), "/health" | "/metrics" | "/ready") && status < 400 {
            tracing::debug!(
                http.status = status,
                http.duration_ms = duration_ms,
                "{method} {route} was answered with {status}"
            );
        } else {
            tracing::info!(
                http.status = status,
                http.duration_ms = duration_ms,
                "{method} {route} was answered with {status}"
            );
        }
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// An id that the client or a proxy has given, if it can be logged as it is.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fits =
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    fits.then(|| id.to_owned())
}
