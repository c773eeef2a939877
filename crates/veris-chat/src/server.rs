//! Listening, and stopping without cutting answers off.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tower_http::add_extension::AddExtension;

use crate::app::{AppState, app};
use crate::shutdown::Shutdown;
use crate::watchdog;

/// A client that has not said what it wants by then never will; it also ends connections that are kept open and unused.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// What answers need to tell their clients that they were interrupted.
const FAREWELL: Duration = Duration::from_secs(2);

/// Answers until `signal` completes; running answers then have `drain` to finish before they are interrupted.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    signal: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> io::Result<()> {
    watchdog::started();
    tokio::select! {
        () = serve_until(listener, state, signal, drain) => Ok(()),
        never = watchdog::stay_alive() => match never {},
    }
}

async fn serve_until(listener: TcpListener, state: AppState, signal: impl Future<Output = ()>, drain: Duration) {
    let (shutdown, answers) = (state.shutdown.clone(), state.tasks.clone());
    let (app, connections) = (app(state), TaskTracker::new());
    tokio::select! {
        () = accept(listener, &app, &connections, &shutdown) => {}
        () = signal => {}
    }
    tracing::info!("the server stops: running answers have {} s to finish", drain.as_secs());
    watchdog::stopping();
    shutdown.drain();
    connections.close();
    let in_time = timeout(drain, connections.wait()).await.is_ok();
    shutdown.trigger();
    if !in_time && timeout(FAREWELL, connections.wait()).await.is_err() {
        tracing::warn!("some connections did not end in time and were closed");
    }
    // What clients have left behind is still being kept.
    answers.close();
    if timeout(FAREWELL, answers.wait()).await.is_err() {
        tracing::warn!("some answers did not end in time and were dropped");
    }
}

/// Never returns: a listener that cannot accept waits until it can.
async fn accept(mut listener: TcpListener, app: &Router, connections: &TaskTracker, shutdown: &Shutdown) {
    loop {
        let (stream, peer) = Listener::accept(&mut listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("a connection stays with delayed sending: {error}");
        }
        connections.spawn(converse(stream, peer, app.clone(), shutdown.clone()));
    }
}

/// One connection: its requests one after another, until it ends or the server stops.
async fn converse(stream: TcpStream, peer: SocketAddr, app: Router, shutdown: Shutdown) {
    let service = TowerToHyperService::new(AddExtension::new(app, ConnectInfo(peer)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.draining() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients leave in every way.
        tracing::debug!("a connection ended: {error}");
    }
}
