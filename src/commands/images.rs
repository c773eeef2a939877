//! `veris images`: what was baked, and what of it is live.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::addresses;
use crate::context::Context;
use crate::copies::{self, Copy};
use crate::exit_status::ExitStatus;
use crate::health;
use crate::images::{self, BakedImage};
use crate::instances;
use crate::table::Table;

/// List the baked versions, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris images --output json")]
pub struct Images {}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct List {
    images: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    #[serde(flatten)]
    image: BakedImage,
    live: bool,
    /// In other regions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<Copy>,
}

pub async fn run(_: Images, context: &Context) -> Result<ExitStatus> {
    let service = context.recipe.service.to_string();
    let (images, copies, instances, address) = tokio::try_join!(
        images::find(context),
        copies::find(context),
        instances::list(&context.clients, &service),
        addresses::find(context),
    )?;
    let holder = address.and_then(|address| address.holder);
    let live = instances.into_iter().find(|instance| Some(&instance.instance_id) == holder.as_ref());
    let live = live.map(|live| live.image_id);
    let entry = |image: BakedImage| {
        let copies = copies.iter().filter(|copy| copy.is_of(&image)).cloned().collect();
        Entry { live: Some(&image.image_id) == live.as_ref(), image, copies }
    };
    let images: Vec<_> = images.into_iter().map(entry).collect();
    if images.is_empty() {
        context.printer.talk("nothing is baked yet; `veris bake` makes an image");
    }
    context.printer.data(&List { images })?;
    Ok(ExitStatus::Success)
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.images.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["VERSION", "IMAGE", "DIGEST", "COMMIT", "CREATED", "STATE", "LIVE"]);
        for Entry { image, live, .. } in &self.images {
            table.row([
                image.version.to_string(),
                image.image_id.clone(),
                health::short(&image.digest).to_owned(),
                short_commit(&image.commit),
                image.created.map(|created| created.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default(),
                image.state.clone(),
                if *live { "live".to_owned() } else { String::new() },
            ]);
        }
        table.fmt(f)?;
        for Copy { region, image } in self.images.iter().flat_map(|entry| &entry.copies) {
            writeln!(f, "{} is in {region} as {} ({})", image.version, image.image_id, image.state)?;
        }
        Ok(())
    }
}

/// Enough of a commit to recognise it, and whether the image was baked from it alone.
fn short_commit(commit: &str) -> String {
    let (hash, dirty) = commit.strip_suffix("-dirty").map_or((commit, ""), |hash| (hash, "-dirty"));
    format!("{hash:.12}{dirty}")
}
