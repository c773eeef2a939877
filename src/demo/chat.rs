//! One turn of a chat, shown as it streams.

use std::time::{Duration, Instant};

use anyhow::Result;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::json;

use crate::error::unhealthy;
use crate::http;
use crate::printer::Printer;
use crate::sse::Events;

/// The model's first word, and each next one, must come within this.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a turn took.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    pub first_word: Duration,
    pub words: usize,
}

/// A chunk of the contract, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

/// Sends `message` and shows the answer word by word.
pub async fn turn(service: &str, session: &str, message: &str, printer: &Printer) -> Result<Turn> {
    let url = format!("{service}/chat/stream/");
    let started = Instant::now();
    printer.talk(format_args!("  you   {message}"));
    let response = http::post_json(&url, &json!({"session_id": session, "message": message}), PATIENCE).await;
    let response = response.map_err(|error| unhealthy("the chat failed").source(error))?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let answer = tokio::time::timeout(PATIENCE, body.collect()).await??.to_bytes();
        return Err(unhealthy(format!("{url} answered {status}: {}", String::from_utf8_lossy(&answer))).into());
    }
    printer.talk_piece("  chat  ");
    let mut events = Events::default();
    let mut turn = Turn { first_word: Duration::ZERO, words: 0 };
    let mut finished = false;
    while let Some(bytes) = http::next_piece(&url, &mut body, PATIENCE).await? {
        for data in events.feed(&bytes) {
            if data == "[DONE]" {
                finished = true;
                continue;
            }
            for piece in pieces(&url, &data)? {
                if turn.words == 0 {
                    turn.first_word = started.elapsed();
                }
                turn.words += piece.split_whitespace().count();
                printer.talk_piece(piece);
            }
        }
    }
    printer.talk("");
    if !finished || turn.words == 0 {
        return Err(unhealthy(format!("the answer of {url} ended too early")).into());
    }
    Ok(turn)
}

fn pieces(url: &str, data: &str) -> Result<Vec<String>> {
    let chunk: Chunk = serde_json::from_str(data)
        .map_err(|error| unhealthy(format!("{url} sent an event that is no chunk: {data}")).source(error))?;
    if let Some(error) = chunk.error {
        return Err(unhealthy(format!("the chat failed: {error}")).into());
    }
    Ok(chunk.choices.into_iter().filter_map(|choice| choice.delta.content).collect())
}
