//! An answer as it arrives from Bedrock. Dropping it closes the connection to Bedrock.

use std::time::{Duration, Instant};

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{ContentBlockDelta, ConverseStreamOutput, StopReason, TokenUsage};
use tokio::time::timeout;

use super::failure::{Failure, FailureKind};
use crate::settings::ModelSettings;

/// The SDK's own timeouts end with the response's headers, so the body is bounded here.
const FIRST_EVENT_TIMEOUT: Duration = Duration::from_secs(120);
const NEXT_EVENT_TIMEOUT: Duration = Duration::from_secs(60);
/// Bedrock's longest streams were seen to die silently between 6 and 10 minutes.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
pub(crate) struct Reply {
    stream: EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>,
    settings: ModelSettings,
    deadline: Instant,
    patience: Duration,
    finish: Option<Finish>,
    usage: Option<TokenUsage>,
}

/// What the model says next.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    End(Ending),
}

/// How a complete answer ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) finish: Finish,
    pub(crate) usage: Option<TokenUsage>,
}

/// Why the model stopped, in the words of the chat completion contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finish {
    Stop,
    Length,
    ContentFilter,
}

impl Reply {
    pub(super) fn new(
        stream: EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>,
        settings: ModelSettings,
    ) -> Self {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        Self { stream, settings, deadline, patience: FIRST_EVENT_TIMEOUT, finish: None, usage: None }
    }

    /// The next piece; the end is reported only for an answer that Bedrock declared complete.
    pub(crate) async fn next(&mut self) -> Result<Piece, Failure> {
        loop {
            match self.event().await? {
                Some(ConverseStreamOutput::ContentBlockDelta(event)) => {
                    if let Some(ContentBlockDelta::Text(text)) = event.delta {
                        return Ok(Piece::Text(text));
                    }
                }
                Some(ConverseStreamOutput::MessageStop(event)) => self.finish = Some(Finish::of(&event.stop_reason)?),
                // The usage follows the stop, so reading goes on to the very end.
                Some(ConverseStreamOutput::Metadata(event)) => self.usage = event.usage,
                Some(_) => {}
                None => return self.ending().map(Piece::End),
            }
        }
    }

    async fn event(&mut self) -> Result<Option<ConverseStreamOutput>, Failure> {
        let patience = self.patience.min(self.deadline.saturating_duration_since(Instant::now()));
        let received = timeout(patience, self.stream.recv()).await.map_err(|_| Failure::silent(patience))?;
        self.patience = NEXT_EVENT_TIMEOUT;
        received.map_err(|error| Failure::of_stream(&error, &self.settings))
    }

    fn ending(&mut self) -> Result<Ending, Failure> {
        let finish = self.finish.ok_or_else(Failure::truncated)?;
        Ok(Ending { finish, usage: self.usage.take() })
    }
}

impl Finish {
    fn of(reason: &StopReason) -> Result<Self, Failure> {
        match reason {
            StopReason::EndTurn | StopReason::StopSequence => Ok(Self::Stop),
            StopReason::MaxTokens => Ok(Self::Length),
            StopReason::ContentFiltered | StopReason::GuardrailIntervened => Ok(Self::ContentFilter),
            StopReason::ModelContextWindowExceeded => Err(Failure::context_too_long()),
            other => Err(Failure::new(
                FailureKind::Model,
                "the model stopped for a reason this server does not know: send the message again",
                format!("stop reason `{other}`"),
            )),
        }
    }
}
