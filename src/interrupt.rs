//! Ctrl-C and SIGTERM: stop at once, unless something half-made must be taken back first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::{Failure, internal};

/// Counts the signals of this run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Interrupt {
    signals: watch::Receiver<u32>,
    shields: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Takes the signals over from the system; needs a runtime.
    pub fn install() -> Result<Self> {
        let take = |kind| signal(kind).map_err(|error| internal("failed to listen for signals").source(error));
        let mut ctrl_c = take(SignalKind::interrupt())?;
        let mut terminate = take(SignalKind::terminate())?;
        let (count, signals) = watch::channel(0);
        // Lives as long as the runtime, which ends with the command.
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = ctrl_c.recv() => {}, _ = terminate.recv() => {} }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { signals, shields: Arc::new(AtomicUsize::new(0)) })
    }

    /// While the shield lives, its owner decides what a first Ctrl-C means; a second one ends the command anyhow.
    pub fn shield(&self) -> Shield {
        self.shields.fetch_add(1, Ordering::SeqCst);
        Shield { interrupt: self.clone() }
    }

    /// Resolves when the command must end now: at the first signal, or at the second one where a shield was up.
    pub(crate) async fn must_end(mut self) -> Failure {
        self.reached(1).await;
        if self.shields.load(Ordering::SeqCst) > 0 {
            self.reached(2).await;
            return Failure::interrupted("interrupted twice; what was being taken back may be left behind")
                .hint("`veris status` shows the instances; `veris terminate INSTANCE` removes one");
        }
        Failure::interrupted("interrupted")
    }

    async fn reached(&mut self, count: u32) {
        if self.signals.wait_for(|signals| *signals >= count).await.is_err() {
            // The runtime is going down; nobody will ever signal again.
            std::future::pending::<()>().await;
        }
    }
}

/// See [`Interrupt::shield`].
#[derive(Debug)]
pub struct Shield {
    interrupt: Interrupt,
}

impl Shield {
    /// Runs `work` until it ends or the user interrupts it; then the caller takes back what is half-made.
    pub async fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            result = work => result,
            () = interrupt.reached(1) => Err(Failure::interrupted("interrupted").into()),
        }
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        self.interrupt.shields.fetch_sub(1, Ordering::SeqCst);
    }
}
