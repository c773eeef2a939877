//! Listening, and stopping without cutting answers off.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::app::{AppState, app};

/// What answers need to tell their clients that they were interrupted.
const FAREWELL: Duration = Duration::from_secs(2);

/// Answers until `signal` completes; running answers then have `drain` to finish before they are interrupted.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    signal: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> io::Result<()> {
    let shutdown = state.shutdown.clone();
    let (draining, drained) = oneshot::channel();
    let graceful = async move {
        signal.await;
        tracing::info!("the server stops: running answers have {} s to finish", drain.as_secs());
        // The receiver lives until the server has ended.
        let _ = draining.send(());
    };
    let overdue = async {
        // The sender is dropped unused only when the server ends by itself, and then nobody waits here.
        let _ = drained.await;
        tokio::time::sleep(drain).await;
        shutdown.trigger();
        tokio::time::sleep(FAREWELL).await;
    };
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("a connection stays with delayed sending: {error}");
        }
    });
    tokio::select! {
        served = axum::serve(listener, app(state)).with_graceful_shutdown(graceful).into_future() => served,
        () = overdue => {
            tracing::warn!("some connections did not end in time and were closed");
            Ok(())
        }
    }
}
