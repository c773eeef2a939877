//! The endpoint's listener, on loopback and nowhere else.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::route::handle_http;
use crate::route::injection::Lost;
use crate::serve::ServeError;

/// How long requests under way may take after the cloud was asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Takes the port that was asked for, or the previous one, or any that is free.
pub async fn bind(asked: Option<u16>, previous: Option<u16>) -> Result<TcpListener, ServeError> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    if let Some(port) = asked {
        return at(port).await.map_err(|source| ServeError::Bind { port, source });
    }
    if let Some(port) = previous
        && let Ok(listener) = at(port).await
    {
        return Ok(listener);
    }
    at(0).await.map_err(|source| ServeError::Bind { port: 0, source })
}

/// Answers requests until `shutdown` is ready, then lets those under way finish.
pub async fn run(cloud: &Arc<Cloud>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(Arc::clone(cloud), stream, stopping.clone()));
                }
                // Without free file descriptors `accept` fails at once, again and again.
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    // Nobody listens when no connection is open.
    let _ = stop.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(cloud: Arc<Cloud>, stream: TcpStream, mut stopping: watch::Receiver<bool>) {
    let answer = service_fn(|request| {
        let cloud = Arc::clone(&cloud);
        async move {
            let response = handle_http(&cloud, request).await;
            // An error ends the connection, which is what a client sees of an answer that is lost.
            if response.extensions().get::<Lost>().is_some() { Err(LostAnswer) } else { Ok(response) }
        }
    });
    let mut connection = std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request asked for its answer to be lost")]
struct LostAnswer;
