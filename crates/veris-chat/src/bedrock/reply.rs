//! An answer as it arrives from Bedrock. Dropping it closes the connection to Bedrock.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{ContentBlockDelta, ConverseStreamOutput, StopReason, TokenUsage};
use tokio::time::{Instant, Sleep, sleep};

use super::failure::{Failure, FailureKind};
use crate::settings::ModelSettings;

#[derive(Debug)]
pub(crate) struct Reply {
    stream: EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>,
    settings: Arc<ModelSettings>,
    accepted: Instant,
    /// Ends no later than the patience. It is set anew when it has ended, and not for each event.
    timer: Pin<Box<Sleep>>,
    spoke: bool,
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
        let timer = Box::pin(sleep(Duration::ZERO));
        Self { stream, settings, accepted: Instant::now(), timer, spoke: false, finish: None, usage: None }
    }

    /// The next piece; the end is reported only for an answer that Bedrock declared complete.
    pub(crate) async fn next(&mut self) -> Result<Piece, Failure> {
        loop {
            match self.event().await? {
                Some(ConverseStreamOutput::ContentBlockDelta(event)) => {
                    if let Some(ContentBlockDelta::Text(text)) = event.delta {
                        self.spoke = true;
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

    /// The SDK's own timeouts end with the response's headers, so the body is bounded here.
    async fn event(&mut self) -> Result<Option<ConverseStreamOutput>, Failure> {
        let (until, waiting_for) = self.patience();
        if until < self.timer.deadline() {
            self.timer.as_mut().reset(until);
        }
        let received = {
            let mut event = pin!(self.stream.recv());
            loop {
                tokio::select! {
                    biased;
                    received = &mut event => break Some(received),
                    () = self.timer.as_mut() => {}
                }
                if until <= Instant::now() {
                    break None;
                }
                self.timer.as_mut().reset(until);
            }
        };
        let late = || self.failure(FailureKind::Timeout, format!("{waiting_for} did not come in time"));
        received.ok_or_else(late)?.map_err(|error| Failure::of_stream(&error, &self.settings))
    }

    /// Until when an event that is asked for now is waited for.
    fn patience(&self) -> (Instant, &'static str) {
        let limits = &self.settings.timeouts;
        let total = (self.accepted + limits.total, "the end of the answer");
        let next = if self.spoke {
            (Instant::now() + limits.idle, "the next event")
        } else {
            (self.accepted + limits.first_token, "the first token")
        };
        if next.0 < total.0 { next } else { total }
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
