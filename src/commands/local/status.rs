//! `veris local status`.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::Result;
use local_cloud::layout::Layout;
use local_cloud::state::InstanceState;
use local_cloud::store::Store;
use serde::Serialize;

use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::local::{self, daemon, parent};
use crate::printer::Printer;
use crate::table::Table;

/// Show whether the local cloud runs, and its guests
///
/// The exit code is 0 only when it runs and answers.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris local status")]
pub struct Status {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    up: bool,
    url: Option<String>,
    pid: Option<u32>,
    directory: PathBuf,
    parent: ParentImage,
    guests: Vec<Guest>,
}

/// What guests boot from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ParentImage {
    /// `built-in`, or the path or URL of the file that was given.
    source: String,
    digest: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Guest {
    instance_id: String,
    name: String,
    state: &'static str,
    address: Ipv4Addr,
    image_id: String,
    /// Why it is not running, or runs but is paused.
    reason: Option<String>,
    #[serde(skip)]
    is_paused: bool,
}

pub async fn run(_: &Status, printer: &Printer) -> Result<ExitStatus> {
    let layout = local::layout()?;
    let endpoint = daemon::running(&layout);
    let up = match &endpoint {
        Some(endpoint) => daemon::answers(endpoint).await,
        None => false,
    };
    printer.data(&Report {
        up,
        url: endpoint.as_ref().map(|endpoint| endpoint.url.clone()),
        pid: endpoint.as_ref().map(|endpoint| endpoint.pid),
        parent: parent_image(&layout)?,
        guests: guests(&layout)?,
        directory: layout.directory,
    })?;
    Ok(if up { ExitStatus::Success } else { ExitStatus::Unhealthy })
}

fn parent_image(layout: &Layout) -> Result<ParentImage> {
    let choice = parent::chosen(layout)?;
    Ok(ParentImage { source: choice.to_string(), digest: choice.digest() })
}

/// From the state's file, so that they are known while the cloud is down, too.
fn guests(layout: &Layout) -> Result<Vec<Guest>> {
    let store = Store::open(layout.state()).map_err(|error| user("the local cloud cannot be read").source(error))?;
    Ok(store.read(|state| {
        let existing = state.instances.values().filter(|instance| instance.state != InstanceState::Terminated);
        let guest = |instance: &local_cloud::state::Instance| Guest {
            instance_id: instance.instance_id.clone(),
            name: instance.tags.get("Name").cloned().unwrap_or_default(),
            state: instance.state.code_and_name().1,
            address: instance.address,
            image_id: instance.image_id.clone(),
            reason: instance.state_reason.as_ref().map(|(_, message)| message.clone()),
            is_paused: instance.is_out_of_space(),
        };
        existing.map(guest).collect()
    }))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.url, self.up) {
            (Some(url), true) => writeln!(f, "the local cloud is up at {url}")?,
            (Some(url), false) => writeln!(f, "the local cloud runs, but does not answer at {url}")?,
            (None, _) => writeln!(f, "the local cloud is down")?,
        }
        let ParentImage { source, digest } = &self.parent;
        if self.up {
            writeln!(f, "parent image: {source} ({})", digest.get(..12).unwrap_or(digest))?;
        }
        if self.guests.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["INSTANCE", "NAME", "STATE", "ADDRESS", "IMAGE"]);
        for guest in &self.guests {
            table.row([
                guest.instance_id.clone(),
                guest.name.clone(),
                if guest.is_paused { "paused".to_owned() } else { guest.state.to_owned() },
                guest.address.to_string(),
                guest.image_id.clone(),
            ]);
        }
        write!(f, "\n{table}")?;
        for reason in self.guests.iter().filter(|guest| guest.is_paused).filter_map(|guest| guest.reason.as_ref()) {
            write!(f, "\n{reason}")?;
        }
        Ok(())
    }
}
