//! The process that serves the local cloud: found, and started in the background.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use local_cloud::Endpoint;
use local_cloud::layout::Layout;
use tokio::net::TcpStream;

use crate::commands::local::up::Up;
use crate::error::{Failure, internal};
use crate::printer::Stage;
use crate::wait::{self, Patience, Seen};

/// Starting takes well under a second; a slow disk with many guests takes longer.
const START: Patience = Patience { deadline: Duration::from_mins(1), every: Duration::from_millis(50), streak: 1 };

/// Lines of the log that explain why it did not start.
const LOG_LINES: usize = 5;

/// The daemon that runs, or `None`; the file of one that died is not believed.
pub fn running(layout: &Layout) -> Option<Endpoint> {
    Endpoint::read(layout).filter(Endpoint::is_running)
}

/// Whether the daemon accepts connections.
pub async fn answers(endpoint: &Endpoint) -> bool {
    let Ok(url) = url::Url::parse(&endpoint.url) else { return false };
    let Ok(addresses) = url.socket_addrs(|| None) else { return false };
    let connect = TcpStream::connect(addresses.as_slice());
    matches!(tokio::time::timeout(Duration::from_secs(2), connect).await, Ok(Ok(_)))
}

/// Starts the daemon in the background and waits until it answers.
pub async fn start(layout: &Layout, toe: &Path, asked: &Up, stage: &mut Stage) -> Result<Endpoint> {
    let mut child = spawn(layout, toe, asked)?;
    let pid = child.id();
    wait::until(START, "the local cloud answers", stage, async || {
        if let Some(status) = child.try_wait()? {
            return Err(fell(layout, &status.to_string()).into());
        }
        match running(layout).filter(|endpoint| endpoint.pid == pid) {
            Some(endpoint) if answers(&endpoint).await => Ok(Seen::Good(endpoint)),
            _ => Ok(Seen::NotYet("starting".to_owned())),
        }
    })
    .await
}

fn spawn(layout: &Layout, toe: &Path, asked: &Up) -> Result<Child> {
    let log = fs_err::OpenOptions::new().create(true).append(true).open(Layout::log(&layout.directory))?.into_file();
    let program = std::env::current_exe().map_err(|error| internal("failed to find this program").source(error))?;
    let mut command = Command::new(&program);
    command.args(["local", "serve", "--toe"]).arg(toe);
    if let Some(port) = asked.port {
        command.args(["--port", &port.to_string()]);
    }
    if asked.faults {
        command.arg("--faults");
    }
    command
        .env(crate::env_vars::VERIS_LOCAL_DIR, &layout.directory)
        .env(crate::env_vars::VERIS_CACHE_DIR, &layout.cache)
        // It must not keep a directory busy that the user wants to remove or unmount.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn().map_err(|error| internal(format!("failed to start `{}`", program.display())).source(error).into())
}

fn fell(layout: &Layout, status: &str) -> Failure {
    let path = Layout::log(&layout.directory);
    let log = std::fs::read_to_string(&path).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
    internal(format!("the local cloud ended with {status} while it started:\n  {end}"))
        .hint(format!("the whole log is in {}", path.display()))
}
