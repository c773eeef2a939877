//! Telling running answers that the server is about to stop.

use std::sync::Arc;

use tokio::sync::watch;

/// Seen by every running answer; triggered once, when the time to drain is over.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Shutdown {
    /// Asks every running answer to end now.
    pub(crate) fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Completes once the answers have been asked to end.
    pub(crate) async fn triggered(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|triggered| *triggered).await;
    }
}
