//! Listening, and stopping without cutting answers off.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::app::{AppState, app};
use crate::watchdog;

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
    let draining_state = shutdown.clone();
    let (draining, drained) = oneshot::channel();
    let graceful = async move {
        signal.await;
        draining_state.drain();
        watchdog::stopping();
        tracing::info!("the server stops: running answers have {} s to finish", drain.as_secs());
        // The receiver lives until the server has ended.
        let _ = draining.send(());
    };
    let late = shutdown.clone();
    let overdue = async move {
        // The sender is dropped unused only when the server ends by itself, and then nobody waits here.
        let _ = drained.await;
        tokio::time::sleep(drain).await;
        late.trigger();
        tokio::time::sleep(FAREWELL).await;
    };
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("a connection stays with delayed sending: {error}");
        }
    });
    let tasks = state.tasks.clone();
    let service = app(state).into_make_service_with_connect_info::<SocketAddr>();
    watchdog::started();
    let served = tokio::select! {
        served = axum::serve(listener, service).with_graceful_shutdown(graceful).into_future() => served,
        () = watchdog::stay_alive() => unreachable!("signs of life never end"),
        () = overdue => {
            tracing::warn!("some connections did not end in time and were closed");
            Ok(())
        }
    };
    // What clients have left behind is still being kept.
    shutdown.trigger();
    tasks.close();
    if tokio::time::timeout(FAREWELL, tasks.wait()).await.is_err() {
        tracing::warn!("some answers did not end in time and were dropped");
    }
    served
}
