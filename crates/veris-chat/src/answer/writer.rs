//! The task that writes an answer.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::usage::{Timing, Usage, seconds};
use super::{Completion, Request, Status, Step};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::bedrock::{Ending, Failure, FailureKind, Piece, Reply};
use crate::metrics;
use crate::prompt::Prompt;
use crate::sessions::{Refusal, Said, SessionKey, Tokens, Turn, estimate};
use crate::settings::OnDisconnect;

/// A client that takes nothing for so long has left without saying so.
const STALLED: Duration = Duration::from_mins(2);
/// A call whose client has left is read to its end for at most so long.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

pub(super) struct Writer {
    state: AppState,
    id: String,
    client: mpsc::Sender<Result<Step, ApiError>>,
    began: Instant,
    memory: Duration,
    first_token: Option<Duration>,
    question: Option<(Turn, String)>,
    prompt_estimate: u32,
    text: String,
    reply: Option<Reply>,
}

/// Why an answer ended before its end.
enum Stop {
    Failed(ApiError),
    ClientLeft,
    ServerStops,
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl Writer {
    pub(super) fn new(
        state: AppState,
        id: String,
        client: mpsc::Sender<Result<Step, ApiError>>,
        began: Instant,
    ) -> Self {
        metrics::answer_begun();
        Self {
            state,
            id,
            client,
            began,
            memory: Duration::ZERO,
            first_token: None,
            question: None,
            prompt_estimate: 0,
            text: String::new(),
            reply: None,
        }
    }

    /// Ends with one line in the log, whatever happens: a client that presses stop is not an error.
    pub(super) async fn write(mut self, request: Request) {
        let (client, shutdown) = (self.client.clone(), self.state.shutdown.clone());
        let written = tokio::select! {
            written = self.answer(request) => written,
            () = client.closed() => Err(Stop::ClientLeft),
            () = shutdown.triggered() => Err(Stop::ServerStops),
        };
        let (outcome, usage) = match written {
            Ok(ending) => self.complete(&ending).await,
            Err(Stop::Failed(error)) => {
                self.tell(error).await;
                ("failed", None)
            }
            Err(Stop::ClientLeft) => ("cancelled", self.abandon().await),
            Err(Stop::ServerStops) => {
                self.tell(ApiError::stopping()).await;
                ("interrupted", None)
            }
        };
        self.record(outcome, usage);
    }

    async fn answer(&mut self, request: Request) -> Result<Ending, Stop> {
        let prompt = match request {
            Request::InSession { key, question } => self.enter(key, question).await?,
            Request::Alone(prompt) => prompt,
        };
        self.reply = Some(self.ask(prompt).await?);
        self.send(Step::Status(Status { status: "generating", message: "the model is answering" })).await?;
        loop {
            let Some(reply) = &mut self.reply else { return Err(Stop::Failed(ApiError::internal())) };
            match reply.next().await {
                Ok(Piece::Text(text)) => {
                    self.first_token.get_or_insert_with(|| self.began.elapsed());
                    self.text.push_str(&text);
                    self.send(Step::Delta(text)).await?;
                }
                Ok(Piece::End(ending)) => return Ok(ending),
                Err(failure) => return Err(self.refused(failure).into()),
            }
        }
    }

    async fn enter(&mut self, key: SessionKey, question: String) -> Result<Prompt, ApiError> {
        let mut turn = self.state.sessions.enter(key).await.map_err(|refusal| match refusal {
            Refusal::Busy => ApiError::session_busy(),
            Refusal::Store(error) => ApiError::session_store(&error),
        })?;
        self.memory = self.began.elapsed();
        turn.history.fit(&question, self.state.model.context_tokens());
        let prompt = Prompt::next(&turn.history, &question);
        self.question = Some((turn, question));
        Ok(prompt)
    }

    /// The estimate of the prompt's size can be wrong: when Bedrock says so, half of the history is left out, once.
    async fn ask(&mut self, prompt: Prompt) -> Result<Reply, ApiError> {
        let failure = match self.state.model.ask(&prompt).await {
            Ok(reply) => return Ok(self.accepted(&prompt, reply)),
            Err(failure) => failure,
        };
        let shorter = match &mut self.question {
            Some((turn, question)) if failure.kind == FailureKind::ContextTooLong => {
                turn.history.halve().then(|| Prompt::next(&turn.history, question))
            }
            _ => None,
        };
        let Some(shorter) = shorter else { return Err(self.refused(failure)) };
        match self.state.model.ask(&shorter).await {
            Ok(reply) => Ok(self.accepted(&shorter, reply)),
            Err(failure) => Err(self.refused(failure)),
        }
    }

    fn accepted(&mut self, prompt: &Prompt, reply: Reply) -> Reply {
        self.state.readiness.saw(Ok(()));
        self.prompt_estimate = prompt.estimate();
        reply
    }

    /// The session knows of the exchange before the client learns that it is complete.
    async fn complete(&mut self, ending: &Ending) -> (&'static str, Option<Usage>) {
        let usage = ending.usage.as_ref().map(Usage::from);
        self.reply = None;
        if let Err(error) = self.keep(false, usage.map(Tokens::from)).await {
            self.tell(error).await;
            return ("failed", usage);
        }
        let total = self.began.elapsed();
        let timing = Timing {
            ingestion: 0.0,
            retrieval: 0.0,
            generation: seconds(total.saturating_sub(self.memory)),
            memory: seconds(self.memory),
            total: seconds(total),
        };
        let completion = Completion { finish: ending.finish, usage, timing };
        // A client that left at the last moment has its complete answer in the session.
        let _ = self.send(Step::Complete(completion)).await;
        ("complete", usage)
    }

    /// Keeps what the client has read, marked as cut short, and ends the call as the settings say.
    async fn abandon(&mut self) -> Option<Usage> {
        let reply = self.reply.take();
        let drained = match (reply, self.state.on_disconnect) {
            (Some(reply), OnDisconnect::Drain) => self.drain(reply).await,
            _ => None,
        };
        if let Err(error) = self.keep(true, None).await {
            tracing::error!(chat.id = self.id, "the cut answer {} was not kept: {}", self.id, error.message());
        }
        drained
    }

    /// Bedrock may bill the rest of an answer that nobody reads; reading it tells how much.
    async fn drain(&self, mut reply: Reply) -> Option<Usage> {
        let _permit = self.state.drains.try_acquire().ok()?;
        let rest = async {
            while let Ok(piece) = reply.next().await {
                if let Piece::End(ending) = piece {
                    return ending.usage;
                }
            }
            None
        };
        let usage = tokio::select! {
            usage = timeout(LONGEST_DRAIN, rest) => usage.ok().flatten(),
            () = self.state.shutdown.triggered() => None,
        };
        usage.as_ref().map(Usage::from)
    }

    /// Bedrock refuses an empty turn, so an empty answer must not become one.
    async fn keep(&mut self, truncated: bool, usage: Option<Tokens>) -> Result<(), ApiError> {
        let Some((turn, question)) = self.question.take() else { return Ok(()) };
        if self.text.trim().is_empty() {
            return Ok(());
        }
        let said = Said { question, answer: self.text.clone(), truncated, usage };
        turn.commit(said).await.map_err(|error| ApiError::session_store(&error))
    }

    async fn send(&self, step: Step) -> Result<(), Stop> {
        match timeout(STALLED, self.client.send(Ok(step))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Stop::ClientLeft),
        }
    }

    async fn tell(&mut self, error: ApiError) {
        self.reply = None;
        // The session is free before the client can send its next message.
        self.question = None;
        // A client that has left meanwhile needs no word.
        let _ = timeout(STALLED, self.client.send(Err(error))).await;
    }

    fn refused(&self, failure: Failure) -> ApiError {
        self.state.readiness.saw(Err(&failure));
        metrics::bedrock_failed(failure.kind);
        tracing::warn!(chat.id = self.id, failure.kind = ?failure.kind, failure.detail, "the answer {} failed: {}", self.id, failure.message);
        failure.into()
    }

    fn record(&self, outcome: &'static str, usage: Option<Usage>) {
        let estimated = usage.is_none();
        let (prompt, answer) = usage.map_or_else(
            || (self.prompt_estimate, if self.text.is_empty() { 0 } else { estimate(&self.text) }),
            |usage| (usage.prompt_tokens, usage.completion_tokens),
        );
        metrics::answer_ended(outcome, self.began.elapsed(), self.first_token, usage);
        tracing::info!(
            chat.id = self.id,
            chat.outcome = outcome,
            chat.duration_seconds = seconds(self.began.elapsed()),
            chat.first_token_seconds = self.first_token.map(seconds),
            usage.prompt_tokens = prompt,
            usage.completion_tokens = answer,
            usage.estimated = estimated,
            "the answer {} ended: {outcome}",
            self.id,
        );
    }
}
