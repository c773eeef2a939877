//! Where the sources came from: the commit, and what differs from it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Result;
use tokio::process::Command;

use crate::context::Context;
use crate::error::{Failure, user};
use crate::lock::Lock;

/// Changes that a message lists.
const SHOWN: usize = 10;

/// The commit to record in the image, with `-dirty` behind it if what is baked differs from it; `unknown` without git.
///
/// Outside the local cloud only committed files are baked, unless the user allows others: nobody could bake such an image again.
pub(super) async fn commit(context: &Context, allow_dirty: bool) -> Result<String> {
    let may_be_dirty = allow_dirty || context.environment.is_local();
    let Some(commit) = head(&context.project).await else {
        if may_be_dirty {
            context.printer.talk("no commit of git is checked out here, so the image's commit is `unknown`");
            return Ok("unknown".to_owned());
        }
        return Err(unknown(context).into());
    };
    let changes = changes(context).await?;
    if changes.is_empty() {
        return Ok(commit);
    }
    if may_be_dirty {
        let number = changes.len();
        let files = if number == 1 { "1 file differs".to_owned() } else { format!("{number} files differ") };
        context.printer.talk(format_args!("{files} from the commit, so the image's commit is {commit:.12}-dirty"));
        return Ok(format!("{commit}-dirty"));
    }
    Err(dirty(context, &commit, &changes).into())
}

fn unknown(context: &Context) -> Failure {
    let (project, name) = (context.project.display(), &context.environment.name);
    user(format!("`{project}` has no commit of git, and environment `{name}` is baked from committed files only"))
        .hint("commit the project, or bake it as it is with `--allow-dirty`")
}

fn dirty(context: &Context, commit: &str, changes: &[String]) -> Failure {
    let name = &context.environment.name;
    let mut message = format!(
        "the project differs from its commit {commit:.12}, and environment `{name}` is baked from committed files only:"
    );
    for change in changes.iter().take(SHOWN) {
        // Writing to a text cannot fail.
        let _ = write!(message, "\n  {change}");
    }
    if changes.len() > SHOWN {
        let _ = write!(message, "\n  and {} more", changes.len() - SHOWN);
    }
    user(message).hint("commit or remove these changes, or bake them as `-dirty` with `--allow-dirty`")
}

async fn head(project: &Path) -> Option<String> {
    git(project, &["rev-parse", "--verify", "HEAD"]).await.ok().map(|commit| commit.trim().to_owned())
}

/// What differs from the commit: whatever git calls a change, and inputs that git does not keep at all.
async fn changes(context: &Context) -> Result<Vec<String>> {
    let project = &context.project;
    let status =
        git(project, &["--no-optional-locks", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--", "."])
            .await?;
    let mut changes = read_status(&status);
    for input in inputs(context) {
        if !is_kept(project, &input).await {
            let shown = input.strip_prefix(project).unwrap_or(&input);
            let line = format!("not in git  {}", shown.display());
            if !changes.iter().any(|change| change.ends_with(&format!("  {}", shown.display()))) {
                changes.push(line);
            }
        }
    }
    Ok(changes)
}

/// The files that the recipe names, the recipe, and its lock where there is one.
fn inputs(context: &Context) -> Vec<PathBuf> {
    let recipe = &context.recipe;
    let named = recipe.units.iter().chain(&recipe.components).chain(recipe.files.iter().map(|file| &file.source));
    let lock = Some(Lock::path(&recipe.path)).filter(|lock| lock.is_file());
    named.map(|path| context.project.join(path)).chain([recipe.path.clone()]).chain(lock).collect()
}

/// Whether git keeps the file, and the file behind it where it is a link.
async fn is_kept(project: &Path, input: &Path) -> bool {
    let Ok(real) = fs_err::canonicalize(input) else { return false };
    let Ok(path) = real.strip_prefix(project) else { return false };
    let arguments =
        ["ls-files", "--error-unmatch", "--"].map(Into::into).into_iter().chain([path.as_os_str().to_owned()]);
    run(project, arguments).await.is_ok()
}

/// `XY path`, each ended by a zero byte; a rename has its old path behind it.
fn read_status(status: &str) -> Vec<String> {
    let mut changes = Vec::new();
    let mut entries = status.split('\0');
    while let Some(entry) = entries.next() {
        let (Some(code), Some(path)) = (entry.get(..2), entry.get(3..)) else { continue };
        let word = match code {
            "??" => "untracked",
            _ if code.contains('R') || code.contains('C') => {
                entries.next();
                "renamed"
            }
            _ if code.contains('D') => "deleted",
            _ if code.contains('A') => "added",
            _ => "modified",
        };
        changes.push(format!("{word:10}  {path}"));
    }
    changes
}

async fn git(project: &Path, arguments: &[&str]) -> Result<String, Failure> {
    run(project, arguments.iter().map(Into::into)).await
}

async fn run(project: &Path, arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<String, Failure> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(project).stdin(Stdio::null());
    let output = crate::process::run(command).await?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

#[cfg(test)]
mod tests {
    use super::read_status;

    #[test]
    fn every_kind_of_change_has_a_word() {
        let status = " M a.yaml\0?? new file\0R  to\0from\0 D gone\0A  added\0MM both\0";
        insta::assert_snapshot!(read_status(status).join("\n"), @r"
        modified    a.yaml
        untracked   new file
        renamed     to
        deleted     gone
        added       added
        modified    both
        ");
        assert!(read_status("").is_empty());
    }
}
