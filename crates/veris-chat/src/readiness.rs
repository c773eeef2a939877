//! Whether chats can be answered at the moment, as the newest call to Bedrock has shown.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bedrock::{Failure, FailureKind, Model};
use crate::prompt::Prompt;

/// A call that succeeded within this time proves that the next one will.
const FRESH: Duration = Duration::from_mins(5);
/// A failure that somebody has to mend is looked at again after this time.
const RETRY: Duration = Duration::from_secs(30);

/// What is known of Bedrock.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    newest: Mutex<Option<Seen>>,
    /// One question at a time, whoever asks.
    probe: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Seen {
    until: Instant,
    verdict: Result<(), Failure>,
}

impl Readiness {
    /// Notes how a call went. Only failures that the next call will meet as well count against the server.
    pub(crate) fn saw(&self, verdict: Result<(), &Failure>) {
        match verdict {
            Ok(()) => self.note(Ok(()), FRESH),
            Err(failure) if is_lasting(failure.kind) => self.note(Err(failure.clone()), RETRY),
            Err(_) => {}
        }
    }

    /// What the newest calls have shown; asks Bedrock for one word when they are too long ago.
    pub(crate) async fn verdict(&self, model: &Model) -> Result<(), Failure> {
        if let Some(known) = self.known() {
            return known;
        }
        let _probe = self.probe.lock().await;
        if let Some(known) = self.known() {
            return known;
        }
        let asked = model.ask(&Prompt::probe()).await.map(drop);
        let (verdict, lasts) = match asked {
            Ok(()) => (Ok(()), FRESH),
            Err(failure) if is_lasting(failure.kind) => (Err(failure), RETRY),
            Err(_) => (Ok(()), RETRY),
        };
        self.note(verdict.clone(), lasts);
        verdict
    }

    fn known(&self) -> Option<Result<(), Failure>> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        (Instant::now() < newest.until).then_some(newest.verdict)
    }

    fn note(&self, verdict: Result<(), Failure>, lasts: Duration) {
        let seen = Seen { until: Instant::now() + lasts, verdict };
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}

/// Throttling and the like pass by themselves; an instance that is taken out of service for them makes it worse for the others.
fn is_lasting(kind: FailureKind) -> bool {
    match kind {
        FailureKind::PolicyDenied
        | FailureKind::AccessDenied
        | FailureKind::NoCredentials
        | FailureKind::CredentialsRejected
        | FailureKind::ModelConfiguration
        | FailureKind::Unreachable => true,
        FailureKind::ContextTooLong
        | FailureKind::Rejected
        | FailureKind::Throttled
        | FailureKind::Unavailable
        | FailureKind::Timeout
        | FailureKind::ModelFailed
        | FailureKind::BrokeOff => false,
    }
}
