//! `veris local down`.

use std::fmt;

use anyhow::Result;
use local_cloud::down::{DownError, Swept};
use serde::Serialize;

use crate::error::internal;
use crate::exit_status::ExitStatus;
use crate::local::{self, lock};
use crate::printer::Printer;

/// Stop the local cloud and every guest
///
/// What was baked stays, and so do the disks of instances, unless `--delete` removes them. Nothing keeps running, also
/// after a crash. Running it twice is no error.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris local down")]
pub struct Down {
    /// Also remove images, instances, buckets and credentials; the cached base image stays
    #[arg(long)]
    pub delete: bool,
}

/// What was stopped.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// Whether it was running before.
    was_running: bool,
    /// How many guests ran.
    guests: usize,
    deleted: bool,
}

pub async fn run(args: &Down, printer: &Printer) -> Result<ExitStatus> {
    printer.data(&down(args, printer).await?)?;
    Ok(ExitStatus::Success)
}

/// Stops everything.
pub async fn down(args: &Down, printer: &Printer) -> Result<Stopped> {
    let layout = local::layout()?;
    if !layout.directory.exists() {
        return Ok(Stopped { was_running: false, guests: 0, deleted: false });
    }
    let _lock = lock::take(&layout, printer).await?;
    let mut stage = printer.stage("Stop the local cloud");
    let sweep = layout.clone();
    let swept = match tokio::task::spawn_blocking(move || local_cloud::down::sweep(&sweep)).await? {
        // Processes are ended before the state is opened, and a damaged one is deleted here.
        Err(DownError::Store(_)) if args.delete => Swept { control_plane: false, guests: 0 },
        swept => swept.map_err(|error| internal("failed to stop the local cloud").source(error))?,
    };
    if args.delete {
        stage.update("files");
        fs_err::remove_dir_all(&layout.directory)?;
    }
    stage.done("");
    Ok(Stopped { was_running: swept.control_plane, guests: swept.guests, deleted: args.delete })
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stopped = if self.was_running { "stopped" } else { "not running" };
        let guests = match self.guests {
            0 => String::new(),
            1 => ", 1 guest was shut down".to_owned(),
            several => format!(", {several} guests were shut down"),
        };
        let deleted = if self.deleted { ", and its files are removed" } else { "" };
        writeln!(f, "the local cloud is {stopped}{guests}{deleted}")
    }
}
