//! `veris update`: pin anew what a bake takes from elsewhere.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::bake;
use crate::context::Context;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::lock::{Lock, Pin};
use crate::recipe::ParentImage;

/// Pin the newest parent image in the recipe's lock, and show what changed
///
/// Every bake outside the local cloud starts from the pinned image, until this command moves the pin. Commit the lock with
/// the recipe.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris update -e prod --dry-run")]
pub struct Update {
    /// Show what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// A pin before and after.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Updated {
    environment: String,
    /// The lock, as it is named in the project.
    lock: String,
    before: Option<Pin>,
    after: Pin,
    changed: bool,
    /// Whether the lock was written.
    written: bool,
}

pub async fn run(args: Update, context: &Context) -> Result<ExitStatus> {
    context.printer.data(&update(args.dry_run, context).await?)?;
    Ok(ExitStatus::Success)
}

/// Moves the environment's pin to what the recipe's parent means now.
pub async fn update(dry_run: bool, context: &Context) -> Result<Updated> {
    let environment = &context.environment.name;
    if context.environment.is_local() {
        return Err(user("the local cloud makes its parent image itself, so there is nothing to pin")
            .hint("name an environment with `-e`; `veris local up --parent` changes the local cloud's image")
            .into());
    }
    if let ParentImage::Ami(id) = &context.recipe.parent {
        return Err(user(format!("the recipe itself pins the parent image {id}"))
            .hint("write `ssm_parameter` instead of `ami` to follow a parameter with `veris update`")
            .into());
    }
    let after = bake::newest_parent(context).await?;
    let mut lock = Lock::read(&context.recipe.path)?;
    let before = lock.set(environment, after.clone());
    let changed = before.as_ref() != Some(&after);
    let written = changed && !dry_run;
    if written {
        lock.write(&context.recipe.path)?;
    }
    let path = Lock::path(&context.recipe.path);
    let shown = path.strip_prefix(&context.project).unwrap_or(&path).display().to_string();
    Ok(Updated { environment: environment.to_string(), lock: shown, before, after, changed, written })
}

impl fmt::Display for Updated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { environment, lock, before, after, changed, written } = self;
        if !changed {
            return writeln!(f, "{environment}: {} ({}) is the newest, as pinned", after.image, after.name);
        }
        writeln!(f, "{environment}:")?;
        let old = before.as_ref().map(fields);
        for (index, (name, new)) in fields(after).into_iter().enumerate() {
            let old = old.as_ref().map_or("", |old| old[index].1);
            for (sign, value) in [('-', old), ('+', new)] {
                if old != new && !value.is_empty() {
                    writeln!(f, "  {sign} {name:8}{value}")?;
                }
            }
        }
        match written {
            true => writeln!(f, "written to {lock}; commit it"),
            false => writeln!(f, "{lock} was left as it is"),
        }
    }
}

fn fields(pin: &Pin) -> [(&'static str, &str); 5] {
    [
        ("region", &pin.region),
        ("parent", &pin.parent),
        ("image", &pin.image),
        ("name", &pin.name),
        ("release", pin.release.as_deref().unwrap_or_default()),
    ]
}
