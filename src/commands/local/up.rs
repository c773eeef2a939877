//! `veris local up`.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use local_cloud::layout::Layout;
use local_cloud::parent_image::{self, Choice, Parent, ParentError};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::cli::GlobalArgs;
use crate::context;
use crate::env_vars;
use crate::error::{Failure, internal, user};
use crate::exit_status::ExitStatus;
use crate::guest_binary;
use crate::local::{self, daemon, lock, parent, requirements};
use crate::printer::{Printer, Stage};

/// Start the local cloud in the background
///
/// The first start prepares the parent image that every guest boots from: a small Debian that is built in a minute or two, or
/// the image that `--parent` names. It is kept in the cache, and later starts use it again until another one is named.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  veris local up\n  veris local up --parent ~/al2023-kvm-x86_64.xfs.gpt.qcow2 --sha256 HEX\n\n\
    Amazon publishes Amazon Linux 2023 for KVM below https://cdn.amazonlinux.com/al2023/os-images/latest/kvm/, with a\n\
    file SHA256SUMS that lists the SHA-256 of each image."
)]
pub struct Up {
    /// Port of the endpoint; by default the one it had before, or any free one
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Disk image that every guest boots from: path or URL of a qcow2 file with cloud-init, or `built-in`
    #[arg(long, value_name = "PATH|URL", env = env_vars::VERIS_LOCAL_PARENT, hide_env_values = true)]
    pub parent: Option<String>,
    /// SHA-256 of that file
    #[arg(long, value_name = "HEX", env = env_vars::VERIS_LOCAL_PARENT_SHA256, hide_env_values = true)]
    pub sha256: Option<String>,
    /// Let requests ask for faults with the header `x-local-cloud-fault: throttle|error|deny|expire|lose|slow=MS|stale=MS`
    #[arg(long)]
    pub faults: bool,
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
    let (chosen, asked) = (parent::chosen(&layout)?, parent::asked(args.parent.as_deref(), args.sha256.as_deref())?);
    if let Some(endpoint) = daemon::running(&layout) {
        if !daemon::answers(&endpoint).await {
            return Err(internal(format!("the local cloud (process {}) does not answer", endpoint.pid))
                .hint("stop it with `veris local down`, then start it again")
                .into());
        }
        if asked.is_some_and(|asked| asked.digest() != chosen.digest()) {
            return Err(user(format!("the local cloud runs with another parent image: {chosen}"))
                .hint("stop it with `veris local down`, then start it again")
                .into());
        }
        return Ok(Running { url: endpoint.url, pid: endpoint.pid, directory: layout.directory, already: true });
    }
    let choice = asked.unwrap_or(chosen);
    requirements::check(&layout, &choice)?;
    let toe = toe(&context::project(global)?, printer).await?;
    prepare(&layout, &choice, printer).await?;
    let mut stage = printer.stage("Start the local cloud");
    let endpoint = daemon::start(&layout, &toe, args, &mut stage).await?;
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

/// Makes the parent image where the cache lacks it, and remembers the choice once it is there.
async fn prepare(layout: &Layout, choice: &Choice, printer: &Printer) -> Result<()> {
    let mut stage = printer.stage("Prepare the parent image");
    let parent = ensure_parent(layout.cache.clone(), choice.clone(), &mut stage).await?;
    choice.write(&layout.directory).map_err(|error| internal("failed to remember the parent image").source(error))?;
    stage.done(parent.digest.get(..12).unwrap_or(&parent.digest));
    Ok(())
}

/// Making it blocks for a minute, so it has a thread of its own, whose progress comes back over a channel.
async fn ensure_parent(cache: PathBuf, choice: Choice, stage: &mut Stage) -> Result<Parent> {
    let (lines, mut progress) = mpsc::unbounded_channel();
    let work = tokio::task::spawn_blocking(move || {
        parent_image::ensure(&cache, &choice, &mut |line: &str| {
            // Nobody listens any more when the command was interrupted.
            let _ = lines.send(line.to_owned());
        })
    });
    while let Some(line) = progress.recv().await {
        stage.update(line);
    }
    Ok(work.await?.map_err(whose_fault)?)
}

/// A file that is not what was asked for is the user's to change; everything else is this machine's.
fn whose_fault(error: ParentError) -> Failure {
    let message = "failed to prepare the parent image";
    match error {
        ParentError::Transfer { .. } | ParentError::Mismatch { .. } | ParentError::Unsuitable { .. } => {
            user(message).source(error)
        }
        error => internal(message).source(error),
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let already = if self.already { "already " } else { "" };
        writeln!(f, "the local cloud is {already}up at {}", self.url)
    }
}
