//! Where the sources came from: the commit, as a note for people.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// The commit that is checked out in `project`, with `-dirty` behind it if files differ from it; `unknown` without git.
pub(super) async fn commit(project: &Path) -> String {
    let Some(commit) = git(project, &["rev-parse", "--verify", "HEAD"]).await else { return "unknown".to_owned() };
    match git(project, &["status", "--porcelain", "--untracked-files=normal", "--", "."]).await {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}-dirty"),
    }
}

async fn git(project: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(project).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
