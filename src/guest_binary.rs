//! Compiles a package of the project for the guest: the same architecture, release mode, and exactly the dependencies of Cargo.lock.

mod crates;
mod glibc;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

pub use self::crates::{Crate, Origin, crates};
pub use self::glibc::check as check_glibc;
use crate::error::{Failure, internal, user};

/// What guests run.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Compiles the binary of `package` and returns its path. `progress` is told what cargo is doing, one short line at a time.
///
/// The binary does not hold this machine's paths, so that the same sources give the same binary elsewhere. Cargo is killed if the future
/// is dropped.
pub async fn compile(project: &Path, package: &str, progress: &mut impl FnMut(&str)) -> Result<PathBuf, Failure> {
    let mut cargo = command(project);
    cargo
        .args(["build", "--locked", "--release", "--message-format=json-render-diagnostics", "--color=never"])
        .args(["--target", TARGET, "--package", package, "--bin", package])
        .env("CARGO_ENCODED_RUSTFLAGS", encoded_flags(project))
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let failed = |error| internal("failed to run cargo").hint("install Rust from https://rustup.rs").source(error);
    let mut child = cargo.spawn().map_err(failed)?;
    let (Some(messages), Some(talk)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(internal("cargo was started without pipes"));
    };
    let (executable, talk) = tokio::join!(find_executable(messages, package), follow(talk, progress));
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(user(format!("failed to compile `{package}`:\n{}", errors_of(&talk)))
            .hint(format!("`cargo build --locked --release -p {package}` shows the whole output")));
    }
    executable.ok_or_else(|| {
        user(format!("package `{package}` has no binary of its name"))
            .hint("`artifact.package` in the recipe must name a package that makes a binary of the same name")
    })
}

/// Cargo in the project, as a user would call it.
fn command(project: &Path) -> Command {
    let mut cargo = Command::new(cargo());
    cargo.current_dir(project);
    for name in set_by_an_outer_cargo() {
        cargo.env_remove(name);
    }
    cargo
}

/// The cargo that runs us under `cargo run`, so that a toolchain chosen there is kept.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Cargo names each file it made in one line of JSON, also where it had nothing to do.
async fn find_executable(messages: impl AsyncRead + Unpin, package: &str) -> Option<PathBuf> {
    let mut lines = BufReader::new(messages).lines();
    let mut found = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
        let is_ours =
            message.reason == "compiler-artifact" && message.target.is_some_and(|target| target.name == package);
        if is_ours && message.executable.is_some() {
            found = message.executable;
        }
    }
    found
}

async fn follow(talk: impl AsyncRead + Unpin, progress: &mut impl FnMut(&str)) -> Vec<String> {
    let mut lines = BufReader::new(talk).lines();
    let mut all = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.starts_with("   Compiling") || line.starts_with(" Downloading") || line.starts_with("    Blocking") {
            // The place of a local package in parentheses is of no interest here.
            progress(line.trim().split(" (").next().unwrap_or_default());
        }
        all.push(line);
    }
    all
}

/// From cargo's first error on, as much as fits on a screen.
fn errors_of(talk: &[String]) -> String {
    const MOST: usize = 40;
    let start = talk.iter().position(|line| line.starts_with("error")).unwrap_or(talk.len().saturating_sub(MOST));
    talk[start..].iter().take(MOST).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The user's own flags, and those that take this machine's paths out of the binary. The separator is the one that cargo documents.
fn encoded_flags(project: &Path) -> OsString {
    let own = std::env::var_os("CARGO_ENCODED_RUSTFLAGS").map(|flags| flags.to_string_lossy().into_owned());
    let own = own.or_else(|| {
        let flags = std::env::var_os("RUSTFLAGS")?;
        Some(flags.to_string_lossy().split_whitespace().collect::<Vec<_>>().join("\u{1f}"))
    });
    let mut flags: Vec<_> = own.into_iter().filter(|flags| !flags.is_empty()).map(OsString::from).collect();
    let places = [
        (cargo_home(), "/cargo"),
        (target_directory(project), "/target"),
        (fs_err::canonicalize(project).ok(), "/source"),
    ];
    for (place, name) in places {
        let Some(place) = place else { continue };
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(place);
        flag.push(format!("={name}"));
        flags.push(flag);
    }
    flags.join("\u{1f}".as_ref())
}

fn cargo_home() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    set.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// Code that build scripts write lies there, and it can lie outside of the project.
fn target_directory(project: &Path) -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_TARGET_DIR").filter(|directory| !directory.is_empty());
    std::path::absolute(project.join(set.unwrap_or_else(|| "target".into()))).ok()
}

/// What cargo sets for the program it runs, such as this one under `cargo demo`. Build scripts watch these variables, so
/// that passing them on would compile everything once more.
fn set_by_an_outer_cargo() -> impl Iterator<Item = OsString> {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    const NAMES: [&str; 3] = ["CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name.as_ref())
    })
}
