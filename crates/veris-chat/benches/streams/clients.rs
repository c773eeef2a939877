//! A client's connection: one question, one streamed answer.

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::conversation::Question;
use crate::reading::Reader;

/// Whom the client asks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Dialect {
    /// The chat server
    Chat,
    /// Bedrock itself, without a server in between
    Bedrock,
}

/// An answer that arrives.
#[derive(Debug)]
pub(crate) struct Stream {
    body: Incoming,
    connection: JoinHandle<hyper::Result<()>>,
    pub(crate) reader: Reader,
}

impl Stream {
    pub(crate) async fn ask(address: &str, dialect: Dialect, question: Question) -> anyhow::Result<Self> {
        let text = question.text();
        let (path, body, reader) = match dialect {
            Dialect::Chat => (
                "/chat/stream/",
                json!({"session_id": format!("bench-{}", question.id), "message": text}),
                Reader::events(),
            ),
            Dialect::Bedrock => (
                "/model/bench/converse-stream",
                json!({"messages": [{"role": "user", "content": [{"text": text}]}]}),
                Reader::frames(),
            ),
        };
        let request = Request::post(path).header("content-type", "application/json");
        let (response, connection) = send(address, request, body.to_string()).await?;
        Ok(Self { body: response.into_body(), connection, reader })
    }

    /// The next bytes, as they came.
    pub(crate) async fn chunk(&mut self) -> anyhow::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.context("the answer broke off")?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Closes the connection; it is closed when this returns.
    pub(crate) async fn leave(self) {
        self.connection.abort();
        let _ = self.connection.await;
    }
}

/// A document that is asked for.
pub(crate) async fn get(address: &str, path: &str) -> anyhow::Result<Value> {
    let (response, _connection) = send(address, Request::get(path), String::new()).await?;
    let body = response.into_body().collect().await.context("the answer broke off")?;
    serde_json::from_slice(&body.to_bytes()).with_context(|| format!("{address}{path} is not JSON"))
}

async fn send(
    address: &str,
    request: hyper::http::request::Builder,
    body: String,
) -> anyhow::Result<(Response<Incoming>, JoinHandle<hyper::Result<()>>)> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("failed to connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = request.header("host", address).header("connection", "close").body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await.with_context(|| format!("failed to ask {address}"))?;
    if !response.status().is_success() {
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        bail!("{address} answered {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok((response, connection))
}
