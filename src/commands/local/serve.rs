//! `veris local serve`: the local cloud itself, in the foreground. `veris local up` runs it in the background.

use std::path::PathBuf;

use anyhow::Result;
use local_cloud::{Options, parent_image};

use crate::error::internal;
use crate::exit_status::ExitStatus;
use crate::interrupt::Interrupt;
use crate::local;

/// Serve the local cloud until SIGTERM or Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris local serve --toe target/release/veris-toe")]
pub struct Serve {
    /// Port of the endpoint
    #[arg(long)]
    pub port: Option<u16>,
    /// The component runner, compiled for the guest
    #[arg(long)]
    pub toe: PathBuf,
    /// Let a request ask for a fault with the header `x-local-cloud-fault` (crates/local-cloud/SEMANTICS.md)
    #[arg(long)]
    pub faults: bool,
}

pub async fn run(args: Serve, interrupt: &Interrupt) -> Result<ExitStatus> {
    // A session of its own: closing the terminal or Ctrl-C in it must not end the cloud. It fails where this process
    // leads its group already, because a shell or a supervisor has set it apart.
    let _ = rustix::process::setsid();
    let layout = local::layout()?;
    let (cache, choice) = (layout.cache.clone(), local::parent::chosen(&layout)?);
    let parent = tokio::task::spawn_blocking(move || {
        parent_image::ensure(&cache, &choice, &mut |line: &str| tracing::info!("parent image: {line}"))
    });
    let parent = parent.await?.map_err(|error| internal("failed to prepare the parent image").source(error))?;
    let program = std::env::current_exe().map_err(|error| internal("failed to find this program").source(error))?;
    let options = Options {
        layout,
        port: args.port,
        toe: args.toe,
        pipe: vec![program.into(), "local".into(), "pipe".into()],
        parent,
        faults: args.faults,
    };
    let shield = interrupt.shield();
    let shutdown = async {
        // Only a signal ends it; the error says just that.
        let _ = shield.run(std::future::pending::<Result<()>>()).await;
    };
    local_cloud::serve(options, shutdown).await.map_err(|error| internal("the local cloud failed").source(error))?;
    Ok(ExitStatus::Success)
}
