//! One question to the service, in the contract of its clients.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::http;
use crate::sse::Events;

/// For the beginning of an answer, and for each next piece.
const PATIENCE: Duration = Duration::from_mins(1);
const QUESTION: &str = "Reply with one short sentence of at least five words.";

/// In a session of its own, so that no check waits for another, and nothing of a user is touched.
fn question() -> Value {
    let random = std::hash::RandomState::new().build_hasher().finish();
    json!({"session_id": format!("veris-verify::{random:016x}"), "message": QUESTION})
}

async fn post(url: &str) -> Result<Response<Incoming>, String> {
    let response = http::post_json(url, &question(), PATIENCE).await.map_err(|error| error.to_string())?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(format!("{url} answered {status}: {}", text(response.into_body()).await?))
}

/// A whole answer in one document.
pub(super) async fn whole(service: &str) -> Result<(), String> {
    let url = format!("{service}/chat/");
    let answer = text(post(&url).await?.into_body()).await?;
    let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{url} answered no JSON: {error}"))?;
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    if answer["object"] == "chat.completion" && !content.trim().is_empty() {
        Ok(())
    } else {
        Err(format!("{url} answered without a text"))
    }
}

/// A streamed answer, to its end.
pub(super) async fn stream(service: &str) -> Result<(), String> {
    let mut stream = begin(service).await?;
    stream.first_piece().await?;
    stream.rest().await
}

/// An answer that streams.
pub(super) struct Stream {
    url: String,
    body: Incoming,
    events: Events,
    pieces: usize,
    is_done: bool,
}

pub(super) async fn begin(service: &str) -> Result<Stream, String> {
    let url = format!("{service}/chat/stream/");
    let body = post(&url).await?.into_body();
    Ok(Stream { url, body, events: Events::default(), pieces: 0, is_done: false })
}

impl Stream {
    pub(super) async fn first_piece(&mut self) -> Result<(), String> {
        while self.pieces == 0 && !self.is_done {
            self.read().await?;
        }
        if self.pieces > 0 { Ok(()) } else { Err(format!("{} ended without a text", self.url)) }
    }

    pub(super) async fn rest(mut self) -> Result<(), String> {
        while !self.is_done {
            self.read().await?;
        }
        if self.pieces > 1 { Ok(()) } else { Err(format!("{} answered in one piece instead of many", self.url)) }
    }

    async fn read(&mut self) -> Result<(), String> {
        let piece = http::next_piece(&self.url, &mut self.body, PATIENCE).await.map_err(|error| error.to_string())?;
        let Some(piece) = piece else { return Err(format!("{} ended without [DONE]", self.url)) };
        for data in self.events.feed(&piece) {
            if data == "[DONE]" {
                self.is_done = true;
                continue;
            }
            let event: Value = serde_json::from_str(&data).map_err(|_| format!("{} sent no JSON: {data}", self.url))?;
            if let Some(error) = event["error"]["message"].as_str() {
                return Err(format!("{} failed: {error}", self.url));
            }
            let content = event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
            self.pieces += usize::from(!content.is_empty());
        }
        Ok(())
    }
}

async fn text(body: Incoming) -> Result<String, String> {
    let collected = tokio::time::timeout(PATIENCE, body.collect()).await;
    let collected = collected.map_err(|_| "the answer did not end".to_owned())?.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&collected.to_bytes()).into_owned())
}
