//! A server that only copies bytes: what no server that passes an answer on can do without.

use std::rc::Rc;

use anyhow::Context;
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

#[derive(Debug, clap::Args)]
pub(crate) struct Relay {
    /// Host and port of Bedrock
    #[arg(long)]
    bedrock: String,
}

/// Says where it listens, and copies until it is killed.
pub(crate) async fn serve(relay: Relay) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen")?;
    println!("{}", json!({"address": listener.local_addr()?.to_string()}));
    let bedrock = Rc::new(relay.bedrock);
    loop {
        let (client, _) = listener.accept().await.context("failed to accept a client")?;
        let bedrock = Rc::clone(&bedrock);
        // An end of either side is the clients' to count.
        spawn_local(async move { copy(client, &bedrock).await.ok() });
    }
}

async fn copy(mut client: TcpStream, bedrock: &str) -> anyhow::Result<()> {
    let mut upstream = TcpStream::connect(bedrock).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}
