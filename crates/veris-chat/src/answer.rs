//! One answer while it is being written.
//!
//! Everything it holds lives and dies with it: the permit, the session and the connection to Bedrock. When the client leaves,
//! the answer is dropped, and all three are given back. The session learns of an exchange only when it is complete.

use std::time::{Duration, Instant};

use aws_sdk_bedrockruntime::types::TokenUsage;
use serde::Serialize;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use crate::api_error::ApiError;
use crate::app::AppState;
use crate::bedrock::{Ending, Failure, Finish, Piece, Reply};
use crate::chat_request::ChatRequest;
use crate::sessions::{Exchange, History};

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    /// Seconds since 1970 when the answer was begun.
    pub(crate) created: u64,
    pub(crate) model_id: String,
    question: String,
    text: String,
    reply: Reply,
    session: OwnedMutexGuard<History>,
    began: Instant,
    memory: Duration,
    outcome: &'static str,
    _permit: OwnedSemaphorePermit,
}

/// What an answer does next.
#[derive(Debug)]
pub(crate) enum Step {
    Delta(String),
    Complete(Completion),
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) text: String,
    pub(crate) finish: Finish,
    pub(crate) usage: Option<Usage>,
    pub(crate) timing: Timing,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the contract")]
pub(crate) struct Usage {
    prompt_tokens: i32,
    completion_tokens: i32,
    total_tokens: i32,
}

/// Seconds spent on each part of the work.
#[derive(Debug, Serialize)]
pub(crate) struct Timing {
    ingestion: f64,
    retrieval: f64,
    generation: f64,
    memory: f64,
    total: f64,
}

impl Answer {
    /// Returns once Bedrock has accepted the conversation, so that a refusal still has a status of its own.
    pub(crate) async fn begin(state: &AppState, request: ChatRequest) -> Result<Self, ApiError> {
        let began = Instant::now();
        let permit = state.permits.clone().try_acquire_owned().map_err(|_| ApiError::overloaded())?;
        let session = state.sessions.enter(&request.session_id).await.map_err(|_| ApiError::session_busy())?;
        let memory = began.elapsed();
        let id = format!("chatcmpl-{:032x}", fastrand::u128(..));
        let reply = match state.model.ask(session.exchanges(), &request.message).await {
            Ok(reply) => reply,
            Err(failure) => return Err(refused(&id, failure)),
        };
        Ok(Self {
            id,
            created: seconds_since_1970(),
            model_id: state.model.id().to_owned(),
            question: request.message,
            text: String::new(),
            reply,
            session,
            began,
            memory,
            outcome: "cancelled",
            _permit: permit,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Step, ApiError> {
        match self.reply.next().await {
            Ok(Piece::Text(text)) => {
                self.text.push_str(&text);
                Ok(Step::Delta(text))
            }
            Ok(Piece::End(ending)) => Ok(Step::Complete(self.complete(ending))),
            Err(failure) => {
                self.outcome = "failed";
                Err(refused(&self.id, failure))
            }
        }
    }

    /// Ends the answer because the server stops.
    pub(crate) fn interrupt(&mut self) -> ApiError {
        self.outcome = "interrupted";
        ApiError::stopping()
    }

    fn complete(&mut self, ending: Ending) -> Completion {
        self.outcome = "complete";
        let text = std::mem::take(&mut self.text);
        // Bedrock refuses an empty turn, so an empty answer must not become one.
        if !text.trim().is_empty() {
            let question = std::mem::take(&mut self.question);
            self.session.commit(Exchange { question, answer: text.clone() });
        }
        let total = self.began.elapsed();
        let timing = Timing {
            ingestion: 0.0,
            retrieval: 0.0,
            generation: seconds(total.saturating_sub(self.memory)),
            memory: seconds(self.memory),
            total: seconds(total),
        };
        Completion { text, finish: ending.finish, usage: ending.usage.map(Usage::from), timing }
    }
}

impl Drop for Answer {
    /// A client that presses stop is not an error, so every outcome is told in the same line.
    fn drop(&mut self) {
        tracing::info!(
            chat.id = self.id,
            chat.outcome = self.outcome,
            chat.duration_seconds = seconds(self.began.elapsed()),
            "the answer {} ended: {}",
            self.id,
            self.outcome
        );
    }
}

impl From<TokenUsage> for Usage {
    /// The total includes the tokens of the prompt cache, which are part of the prompt.
    fn from(usage: TokenUsage) -> Self {
        Self {
            prompt_tokens: usage.total_tokens - usage.output_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.total_tokens,
        }
    }
}

fn refused(id: &str, failure: Failure) -> ApiError {
    tracing::warn!(chat.id = id, failure.kind = ?failure.kind, failure.detail, "the answer {id} failed: {}", failure.message);
    failure.into()
}

/// Rounded to milliseconds: more digits would only look exact.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

fn seconds_since_1970() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}
