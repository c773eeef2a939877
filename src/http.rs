//! Plain HTTP to a service: one fresh connection for each request.
//!
//! Connections are never kept: an address moves between instances, and an old connection would reach the old one.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Answers above this are cut off with an error; ours have a few hundred bytes.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("no connection to {url}: {reason}")]
    Connect { url: String, reason: String },
    #[error("no answer from {url} within {seconds} s")]
    TimedOut { url: String, seconds: u64 },
    #[error("the answer of {url} broke off: {reason}")]
    Broken { url: String, reason: String },
}

/// Status and whole body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

/// GETs `url`, all of it within `timeout`.
pub async fn get(url: &str, timeout: Duration) -> Result<Answer, HttpError> {
    let whole = async {
        let response = send(Method::GET, url, Bytes::new()).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| broken(url, error.as_ref()))?.to_bytes();
        Ok(Answer { status, body })
    };
    within(url, timeout, whole).await
}

/// POSTs JSON; `timeout` is for the beginning of the answer, whose body streams.
pub async fn post_json(
    url: &str,
    body: &serde_json::Value,
    timeout: Duration,
) -> Result<Response<Incoming>, HttpError> {
    within(url, timeout, send(Method::POST, url, Bytes::from(body.to_string()))).await
}

/// The next piece of a streaming body; `None` at its end.
pub async fn next_piece(url: &str, body: &mut Incoming, timeout: Duration) -> Result<Option<Bytes>, HttpError> {
    within(url, timeout, async {
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|error| broken(url, &error))?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    })
    .await
}

async fn send(method: Method, url: &str, body: Bytes) -> Result<Response<Incoming>, HttpError> {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json")
        .body(Full::new(body))
        .map_err(|error| HttpError::Connect { url: url.to_owned(), reason: error.to_string() })?;
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(HttpConnector::new());
    client.request(request).await.map_err(|error| HttpError::Connect { url: url.to_owned(), reason: innermost(&error) })
}

async fn within<T>(
    url: &str,
    timeout: Duration,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    tokio::time::timeout(timeout, work)
        .await
        .unwrap_or_else(|_| Err(HttpError::TimedOut { url: url.to_owned(), seconds: timeout.as_secs() }))
}

fn broken(url: &str, error: &(dyn std::error::Error + 'static)) -> HttpError {
    HttpError::Broken { url: url.to_owned(), reason: innermost(error) }
}

/// hyper's outer errors say only that a request failed.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
