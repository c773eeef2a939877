//! Telling running answers that the server is about to stop.

use std::sync::Arc;

use tokio::sync::watch;

/// Seen by everything that runs; goes through its stages once.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(Arc<watch::Sender<Stage>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    /// Nothing new should come; what runs may finish.
    Draining,
    /// The time to finish is over.
    Over,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Stage::Running)))
    }
}

impl Shutdown {
    /// Makes `/ready` say that nothing new should come.
    pub(crate) fn drain(&self) {
        self.0.send_replace(Stage::Draining);
    }

    /// Asks every running answer to end now.
    pub(crate) fn trigger(&self) {
        self.0.send_replace(Stage::Over);
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.0.borrow() >= Stage::Draining
    }

    /// Completes once nothing new should come.
    pub(crate) async fn draining(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|stage| *stage >= Stage::Draining).await;
    }

    /// Completes once the answers have been asked to end.
    pub(crate) async fn triggered(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|stage| *stage == Stage::Over).await;
    }
}
