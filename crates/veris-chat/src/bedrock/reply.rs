//! An answer as it arrives from Bedrock. Dropping it closes the connection to Bedrock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{ContentBlockDelta, ConverseStreamOutput, StopReason, TokenUsage};
use tokio::time::timeout;

use super::failure::{Failure, FailureKind};
use crate::settings::ModelSettings;

/// The SDK's own timeouts end with the response's headers, so the body is bounded here.
const FIRST_EVENT_TIMEOUT: Duration = Duration::from_mins(2);
const NEXT_EVENT_TIMEOUT: Duration = Duration::from_mins(1);
/// Bedrock's longest streams were seen to die silently between 6 and 10 minutes.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(15);

#[derive(Debug)]
pub(crate) struct Reply {
    stream: EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>,
    settings: Arc<ModelSettings>,
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
        settings: Arc<ModelSettings>,
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
                Some(ConverseStreamOutput::MessageStop(event)) => self.finish = Some(self.finish(&event.stop_reason)?),
                // The usage follows the stop, so reading goes on to the very end.
                Some(ConverseStreamOutput::Metadata(event)) => self.usage = event.usage,
                Some(_) => {}
                None => return self.ending().map(Piece::End),
            }
        }
    }

    async fn event(&mut self) -> Result<Option<ConverseStreamOutput>, Failure> {
        let patience = self.patience.min(self.deadline.saturating_duration_since(Instant::now()));
        let received = timeout(patience, self.stream.recv())
            .await
            .map_err(|_| self.failure(FailureKind::Timeout, format!("no event for {} s", patience.as_secs())))?;
        self.patience = NEXT_EVENT_TIMEOUT;
        received.map_err(|error| Failure::of_stream(&error, &self.settings))
    }

    fn finish(&self, reason: &StopReason) -> Result<Finish, Failure> {
        match reason {
            StopReason::EndTurn | StopReason::StopSequence => Ok(Finish::Stop),
            StopReason::MaxTokens => Ok(Finish::Length),
            StopReason::ContentFiltered | StopReason::GuardrailIntervened => Ok(Finish::ContentFilter),
            StopReason::ModelContextWindowExceeded => Err(self.failure(FailureKind::ContextTooLong, reason.as_str())),
            other => Err(self.failure(FailureKind::ModelFailed, format!("stop reason `{other}`"))),
        }
    }

    /// Without a stop the answer is not complete, however the connection ended.
    fn ending(&mut self) -> Result<Ending, Failure> {
        let finish =
            self.finish.ok_or_else(|| self.failure(FailureKind::BrokeOff, "the stream ended without messageStop"))?;
        Ok(Ending { finish, usage: self.usage.take() })
    }

    fn failure(&self, kind: FailureKind, detail: impl Into<String>) -> Failure {
        Failure::new(kind, &self.settings, detail)
    }
}
