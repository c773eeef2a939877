//! `veris local up`.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use local_cloud::layout::Layout;
use local_cloud::parent_image::{self, Parent};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::cli::GlobalArgs;
use crate::context;
use crate::error::internal;
use crate::exit_status::ExitStatus;
use crate::guest_binary;
use crate::local::{self, daemon, lock, requirements};
use crate::printer::{Printer, Stage};

/// Start the local cloud in the background
///
/// The first start builds the base image of every guest, which takes a minute or two; later starts take it from the cache.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris local up")]
pub struct Up {
    /// Port of the endpoint; by default the one it had before, or any free one
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// The local cloud that runs now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    pub url: String,
    pub pid: u32,
    pub directory: PathBuf,
    /// Whether it ran before this command.
    pub already: bool,
}

pub async fn run(args: &Up, global: &GlobalArgs, printer: &Printer) -> Result<ExitStatus> {
    printer.data(&up(args, global, printer).await?)?;
    Ok(ExitStatus::Success)
}

/// Starts the local cloud unless it runs.
pub async fn up(args: &Up, global: &GlobalArgs, printer: &Printer) -> Result<Running> {
    let layout = local::layout()?;
    let _lock = lock::take(&layout, printer).await?;
    if let Some(endpoint) = daemon::running(&layout) {
        if !daemon::answers(&endpoint).await {
            return Err(internal(format!("the local cloud (process {}) does not answer", endpoint.pid))
                .hint("stop it with `veris local down`, then start it again")
                .into());
        }
        return Ok(Running { url: endpoint.url, pid: endpoint.pid, directory: layout.directory, already: true });
    }
    requirements::check(&layout)?;
    let toe = toe(&context::project(global)?, printer).await?;
    parent(&layout, printer).await?;
    let mut stage = printer.stage("Start the local cloud");
    let endpoint = daemon::start(&layout, &toe, args.port, &mut stage).await?;
    stage.done(&endpoint.url);
    Ok(Running { url: endpoint.url, pid: endpoint.pid, directory: layout.directory, already: false })
}

/// The component runner that build instances get.
async fn toe(project: &Path, printer: &Printer) -> Result<PathBuf> {
    let mut stage = printer.stage("Compile veris-toe");
    let toe = guest_binary::compile(project, "veris-toe", &mut |line: &str| stage.update(line)).await?;
    stage.done("");
    Ok(toe)
}

async fn parent(layout: &Layout, printer: &Printer) -> Result<Parent> {
    let mut stage = printer.stage("Prepare the base image");
    let parent = ensure_parent(layout.cache.clone(), &mut stage).await?;
    stage.done(parent.digest.get(..12).unwrap_or(&parent.digest));
    Ok(parent)
}

/// Building it blocks for a minute, so it has a thread of its own, whose progress comes back over a channel.
async fn ensure_parent(cache: PathBuf, stage: &mut Stage) -> Result<Parent> {
    let (lines, mut progress) = mpsc::unbounded_channel();
    let work = tokio::task::spawn_blocking(move || {
        parent_image::ensure(&cache, &mut |line: &str| {
            // Nobody listens any more when the command was interrupted.
            let _ = lines.send(line.to_owned());
        })
    });
    while let Some(line) = progress.recv().await {
        stage.update(line);
    }
    let parent = work.await?.map_err(|error| internal("failed to prepare the base image").source(error))?;
    Ok(parent)
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let already = if self.already { "already " } else { "" };
        writeln!(f, "the local cloud is {already}up at {}", self.url)
    }
}
