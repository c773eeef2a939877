//! The local cloud as the tool sees it: its directories, its daemon, and what the host must have.

pub mod daemon;
pub mod lock;
pub mod parent;
pub mod requirements;

use std::path::PathBuf;

use anyhow::Result;
use local_cloud::layout::Layout;

use crate::env_vars;
use crate::environment::{Environment, Target};
use crate::error::user;

/// The directories of this user's local cloud.
pub fn layout() -> Result<Layout> {
    Ok(Layout {
        directory: directory(env_vars::VERIS_LOCAL_DIR, env_vars::XDG_STATE_HOME, ".local/state", "veris/local")?,
        cache: directory(env_vars::VERIS_CACHE_DIR, env_vars::XDG_CACHE_HOME, ".cache", "veris")?,
    })
}

/// Where the journals of bakes are kept: those of the local cloud go with it.
pub fn journals(target: Target) -> Result<PathBuf> {
    match target {
        Target::Local => Ok(layout()?.directory.join("bakes")),
        Target::Aws => below(env_vars::XDG_STATE_HOME, ".local/state", "veris/bakes", env_vars::XDG_STATE_HOME),
    }
}

/// Where the host keys of an environment's instances are remembered, in OpenSSH's form.
pub fn known_hosts(environment: &Environment) -> Result<PathBuf> {
    match environment.target {
        Target::Local => Ok(layout()?.directory.join("known_hosts")),
        Target::Aws => {
            let all = below(env_vars::XDG_STATE_HOME, ".local/state", "veris/known_hosts", env_vars::XDG_STATE_HOME)?;
            Ok(all.join(environment.name.as_str()))
        }
    }
}

fn directory(ours: &str, base: &str, below_home: &str, below_base: &str) -> Result<PathBuf> {
    match set(ours) {
        Some(directory) => Ok(std::path::absolute(directory)?),
        None => below(base, below_home, below_base, ours),
    }
}

/// `cure` is the variable that names a directory where the user has no home.
fn below(base: &str, below_home: &str, below_base: &str, cure: &str) -> Result<PathBuf> {
    if let Some(base) = set(base).filter(|base| base.is_absolute()) {
        return Ok(base.join(below_base));
    }
    let home = std::env::home_dir().filter(|home| home.is_absolute()).ok_or_else(|| {
        user("this user has no home directory to keep files in").hint(format!("set {cure} to a directory"))
    })?;
    Ok(home.join(below_home).join(below_base))
}

fn set(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
