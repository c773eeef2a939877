//! One answer: a task that writes it, and the client's end that reads it.
//!
//! Between the two lies a short queue. A slow client fills it and the task stops reading from Bedrock; a client that leaves
//! closes it and the task ends the call, keeps what was said so far, and gives the session free.

mod asked;
mod usage;
mod writer;

use std::task::{Context, Poll};
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::Instrument;
use url::Url;

use crate::api_error::ApiError;
use crate::app::AppState;
use crate::bedrock::Finish;
use crate::prompt::Prompt;
use crate::sessions::SessionKey;

pub(crate) use usage::{Timing, Usage};
use writer::Writer;

/// Steps that a slow client may lag behind before the task stops reading from Bedrock.
const QUEUE: usize = 16;

/// What is to be answered.
#[derive(Debug)]
pub(crate) enum Request {
    /// The next question of a conversation that the server keeps.
    InSession { key: SessionKey, question: String, documents: Vec<Url> },
    /// A conversation that the client keeps.
    Alone(Prompt),
}

/// The client's end of an answer. Dropping it tells the task that the client has left.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    steps: mpsc::Receiver<Result<Step, ApiError>>,
    _permit: OwnedSemaphorePermit,
}

/// What every part of an answer repeats.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) id: String,
    /// Seconds since 1970 when the answer was begun.
    pub(crate) created: u64,
    pub(crate) model: String,
}

/// What an answer does next.
#[derive(Debug)]
pub(crate) enum Step {
    Status(Status),
    Delta(String),
    Complete(Completion),
}

/// What the server does while there is nothing to read yet.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Status {
    pub(crate) status: &'static str,
    pub(crate) message: String,
}

/// How a complete answer ended.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) finish: Finish,
    pub(crate) usage: Option<Usage>,
    pub(crate) timing: Timing,
    /// Links to the pages that the answer names.
    pub(crate) citations: Vec<String>,
    /// The passages that it was written from.
    pub(crate) sources: Vec<Value>,
}

impl Answer {
    /// Starts the task that writes the answer, unless the server is full.
    pub(crate) fn begin(state: &AppState, request: Request) -> Result<Self, ApiError> {
        let permit = state.permits.clone().try_acquire_owned().map_err(|_| ApiError::overloaded())?;
        let head = Head {
            id: format!("chatcmpl-{:032x}", fastrand::u128(..)),
            created: std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs(),
            model: state.model.id().to_owned(),
        };
        let (sender, steps) = mpsc::channel(QUEUE);
        let writer = Writer::new(state.clone(), head.id.clone(), sender, Instant::now());
        state.tasks.spawn(writer.write(request).in_current_span());
        Ok(Self { head, steps, _permit: permit })
    }

    /// The next step; an error and a completion are the last.
    pub(crate) async fn next(&mut self) -> Result<Step, ApiError> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// The same, for who is polled itself.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Step, ApiError>> {
        self.steps.poll_recv(context).map(|step| step.unwrap_or_else(|| Err(ApiError::internal())))
    }

    /// Reads the answer to its end.
    pub(crate) async fn whole(mut self) -> Result<(Head, String, Completion), ApiError> {
        let mut text = String::new();
        loop {
            match self.next().await? {
                Step::Status(_) => {}
                Step::Delta(delta) => text.push_str(&delta),
                Step::Complete(completion) => return Ok((self.head, text, completion)),
            }
        }
    }
}
