//! The local cloud as the tool sees it: its directories, its daemon, and what the host must have.

pub mod daemon;
pub mod lock;
pub mod parent;
pub mod requirements;

use std::path::PathBuf;

use anyhow::Result;
use local_cloud::layout::Layout;

use crate::env_vars;
use crate::error::user;

/// The directories of this user's local cloud.
pub fn layout() -> Result<Layout> {
    Ok(Layout {
        directory: directory(env_vars::VERIS_LOCAL_DIR, env_vars::XDG_STATE_HOME, ".local/state", "veris/local")?,
        cache: directory(env_vars::VERIS_CACHE_DIR, env_vars::XDG_CACHE_HOME, ".cache", "veris")?,
    })
}

fn directory(ours: &str, base: &str, below_home: &str, below_base: &str) -> Result<PathBuf> {
    if let Some(directory) = set(ours) {
        return Ok(std::path::absolute(directory)?);
    }
    if let Some(base) = set(base).filter(|base| base.is_absolute()) {
        return Ok(base.join(below_base));
    }
    let home = std::env::home_dir().filter(|home| home.is_absolute()).ok_or_else(|| {
        user("this user has no home directory to keep the local cloud in").hint(format!("set {ours} to a directory"))
    })?;
    Ok(home.join(below_home).join(below_base))
}

fn set(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
