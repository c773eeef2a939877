//! One file says what is baked and how it is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::environment::{Environment, EnvironmentName};

#[derive(Debug, Clone)]
pub struct Recipe {
    pub path: PathBuf,
    pub service: ServiceName,
    pub version: semver::Version,
    pub parent: ParentImage,
    pub glibc: GlibcVersion,
    pub artifact: Artifact,
    pub units: Vec<PathBuf>,
    pub components: Vec<PathBuf>,
    pub volume: Volume,
    pub port: u16,
    pub env_file: String,
    pub environments: BTreeMap<EnvironmentName, Environment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName(String);

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentImage {
    Ami(String),
    SsmParameter(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion {
    pub major: u32,
    pub minor: u32,
}

#[derive(Debug, Clone)]
pub struct Artifact {
    pub package: String,
    pub install_path: String,
}

#[derive(Debug, Clone)]
pub struct Volume {
    pub device: String,
    pub size_gib: u32,
    pub kind: String,
}

#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("failed to read recipe `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("unknown environment `{name}`")]
    UnknownEnvironment { name: EnvironmentName },
}

impl Recipe {
    pub fn load(path: &Path) -> Result<Self, RecipeError> {
        Err(RecipeError::Read { path: path.to_owned(), source: std::io::Error::other("recipes are not read yet") })
    }

    pub fn environment(&self, name: &EnvironmentName) -> Result<&Environment, RecipeError> {
        self.environments.get(name).ok_or_else(|| RecipeError::UnknownEnvironment { name: name.clone() })
    }
}
