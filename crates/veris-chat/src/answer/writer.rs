//! The task that writes an answer.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout;
use url::Url;

use super::asked::Asked;
use super::usage::{Timing, Usage, seconds};
use super::{Completion, Request, Status, Step};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::bedrock::{Ending, Failure, FailureKind, Piece, Reply};
use crate::library::{Citer, Passage};
use crate::metrics;
use crate::prompt::Prompt;
use crate::sessions::{Refusal, Said, SessionKey, Tokens, estimate};
use crate::settings::OnDisconnect;

/// A client that takes nothing for so long has left without saying so.
const STALLED: Duration = Duration::from_mins(2);
/// A call whose client has left is read to its end for at most so long.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

pub(super) struct Writer {
    pub(super) state: AppState,
    id: String,
    client: mpsc::Sender<Result<Step, ApiError>>,
    began: Instant,
    memory: Duration,
    pub(super) ingestion: Duration,
    pub(super) retrieval: Duration,
    first_token: Option<Duration>,
    asked: Option<Asked>,
    /// Knows the passages of the documents, and what the answer cites.
    pub(super) citer: Citer,
    prompt_estimate: u32,
    text: String,
    reply: Option<Reply>,
}

/// Why an answer ended before its end.
pub(super) enum Stop {
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
            ingestion: Duration::ZERO,
            retrieval: Duration::ZERO,
            first_token: None,
            asked: None,
            citer: Citer::new(Vec::new()),
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
            Ok(ending) => Box::pin(self.complete(&ending)).await,
            Err(Stop::Failed(error)) => {
                Box::pin(self.tell(error)).await;
                ("failed", None)
            }
            Err(Stop::ClientLeft) => ("cancelled", Box::pin(self.abandon()).await),
            Err(Stop::ServerStops) => {
                Box::pin(self.tell(ApiError::stopping())).await;
                ("interrupted", None)
            }
        };
        self.record(outcome, usage);
    }

    /// A task is as large as the largest thing that it ever waits for, for as long as it lasts. So what comes before the words, the call
    /// of Bedrock above all, has a place of its own, which is given back.
    async fn answer(&mut self, request: Request) -> Result<Ending, Stop> {
        let prompt = match request {
            Request::InSession { key, question, documents } => {
                let mut asked = Box::pin(self.enter(key, question, documents)).await?;
                let consulted = Box::pin(self.consult(&mut asked)).await;
                let prompt = asked.prompt(self.state.model.context_tokens());
                self.asked = Some(asked);
                consulted.map(|()| prompt)?
            }
            Request::Alone(prompt) => prompt,
        };
        self.reply = Some(Box::pin(self.ask(prompt)).await?);
        let passages = self.asked.as_ref().map(|asked| asked.passages.clone()).unwrap_or_default();
        self.citer = Citer::new(passages);
        self.send(Step::Status(Status { status: "generating", message: "the model is answering".to_owned() })).await?;
        loop {
            let Some(reply) = &mut self.reply else { return Err(Stop::Failed(ApiError::internal())) };
            match reply.next().await {
                Ok(Piece::Text(text)) => {
                    self.first_token.get_or_insert_with(|| self.began.elapsed());
                    let shown = self.citer.push(&text);
                    self.show(shown).await?;
                }
                Ok(Piece::End(ending)) => {
                    let rest = self.citer.finish();
                    self.show(rest).await?;
                    return Ok(ending);
                }
                Err(failure) => return Err(self.refused(failure).into()),
            }
        }
    }

    async fn show(&mut self, text: String) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        self.text.push_str(&text);
        self.send(Step::Delta(text)).await
    }

    async fn enter(&mut self, key: SessionKey, question: String, documents: Vec<Url>) -> Result<Asked, ApiError> {
        let turn = self.state.sessions.enter(key).await.map_err(|refusal| match refusal {
            Refusal::Busy => ApiError::session_busy(),
            Refusal::Store(error) => ApiError::session_store(&error),
        })?;
        self.memory = self.began.elapsed();
        Asked::new(turn, question, documents)
    }

    /// The estimate of the prompt's size can be wrong: when Bedrock says so, half of the history is left out, once.
    async fn ask(&mut self, prompt: Prompt) -> Result<Reply, ApiError> {
        let failure = match self.state.model.ask(&prompt).await {
            Ok(reply) => return Ok(self.accepted(&prompt, reply)),
            Err(failure) => failure,
        };
        let shorter = match &mut self.asked {
            Some(asked) if failure.kind == FailureKind::ContextTooLong => asked.shorter(),
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
            ingestion: seconds(self.ingestion),
            retrieval: seconds(self.retrieval),
            generation: seconds(total.saturating_sub(self.memory + self.ingestion + self.retrieval)),
            memory: seconds(self.memory),
            total: seconds(total),
        };
        let completion = Completion {
            finish: ending.finish,
            usage,
            timing,
            citations: self.citer.citations(),
            sources: self.citer.passages().iter().map(Passage::source).collect(),
        };
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
        let Some(Asked { turn, question, documents, .. }) = self.asked.take() else { return Ok(()) };
        if self.text.trim().is_empty() {
            return Ok(());
        }
        let documents = documents.into_iter().map(String::from).collect();
        let said = Said { question, answer: self.text.clone(), truncated, usage, documents };
        turn.commit(said).await.map_err(|error| ApiError::session_store(&error))
    }

    pub(super) async fn send(&self, step: Step) -> Result<(), Stop> {
        // Nearly always there is room, and then no timer is needed.
        match self.client.try_send(Ok(step)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(step)) => match timeout(STALLED, self.client.send(step)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(Stop::ClientLeft),
            },
            Err(TrySendError::Closed(_)) => Err(Stop::ClientLeft),
        }
    }

    async fn tell(&mut self, error: ApiError) {
        self.reply = None;
        // The session is free before the client can send its next message.
        self.asked = None;
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
