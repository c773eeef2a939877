//! The recipe: one file that says what is baked and how it is run in each environment.
//!
//! A [`Recipe`] exists only if every value in the file was understood and every file that it names is there.

mod distribution;
mod draft;
mod error;
mod field;
mod reader;
mod unit;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use self::distribution::Distribution;
pub use self::draft::{Draft, DraftFile, read};
pub use self::error::RecipeError;
pub use self::field::{GlibcVersion, ServiceName, release_version};
pub use self::reader::{At, Mistake};
pub use self::unit::{UnitMistake, check as check_unit};
use crate::environment::{Environment, EnvironmentName};

/// What is baked, and where and how it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The recipe's own file, as it was asked for.
    pub path: PathBuf,
    /// Name of the service, which is also the stem of every name that is made in the cloud.
    pub service: ServiceName,
    /// Version of the image that `veris bake` makes when it is not told another.
    pub version: semver::Version,
    /// The image that the bake starts from.
    pub parent: ParentImage,
    /// The C library of the parent image, and so the newest one that the binary may ask for.
    pub glibc: GlibcVersion,
    /// The binary that is put into the image.
    pub artifact: Artifact,
    /// systemd units.
    pub units: Vec<PathBuf>,
    /// Other files that are put into the image.
    pub files: Vec<BakedFile>,
    /// AWSTOE component documents, in the order in which they run.
    pub components: Vec<PathBuf>,
    /// The root volume.
    pub volume: Volume,
    /// Where images go beside the region and the account that bake them.
    pub distribution: Distribution,
    /// The port on which the service answers.
    pub port: u16,
    /// Path in the image of the file that user data writes.
    pub env_file: String,
    /// Every environment by its name, the built-in `local` among them.
    pub environments: BTreeMap<EnvironmentName, Environment>,
}

/// The image that a bake starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentImage {
    /// One image by its id.
    Ami(String),
    /// A public or private parameter that holds an image's id; it is resolved at each bake.
    SsmParameter(String),
}

/// The binary of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The cargo package whose binary is baked.
    pub package: String,
    /// Where the binary lies in the image.
    pub install_path: String,
}

/// A file of the project that is put into the image unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BakedFile {
    /// The file in the project.
    pub source: PathBuf,
    /// Where it lies in the image.
    pub path: String,
    /// Its permissions, four octal digits such as `0644`.
    pub mode: String,
}

/// The root volume of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Device name, for example `/dev/xvda`.
    pub device: String,
    /// Size in GiB.
    pub size_gib: u32,
    /// EBS volume type.
    pub kind: VolumeKind,
    /// By which key it is encrypted. Without one the account's own settings decide.
    pub encryption: Option<EncryptionKey>,
}

/// A key of KMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncryptionKey {
    /// The account's default key for EBS.
    Default,
    /// An alias such as `alias/veris`, an id, or an ARN.
    Named(String),
}

/// The EBS volume types that can hold a root volume of an instance today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeKind {
    /// General purpose, third generation.
    Gp3,
    /// General purpose, second generation.
    Gp2,
}

impl VolumeKind {
    /// The name that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gp3 => "gp3",
            Self::Gp2 => "gp2",
        }
    }
}

impl EncryptionKey {
    /// `default`, or the key as the recipe names it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Default => "default",
            Self::Named(key) => key,
        }
    }

    /// The key, where it is not the account's default.
    pub fn named(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Named(key) => Some(key),
        }
    }
}

impl fmt::Display for ParentImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ami(id) => write!(f, "{id}"),
            Self::SsmParameter(name) => write!(f, "ssm:{name}"),
        }
    }
}

impl Recipe {
    /// Reads and checks the recipe at `path`; the paths in it are relative to `project`.
    pub fn load(project: &Path, path: &Path) -> Result<Self, RecipeError> {
        let text =
            fs_err::read_to_string(path).map_err(|source| RecipeError::Read { path: path.to_owned(), source })?;
        let (draft, mistakes) = read(project, &text);
        let shown = path.strip_prefix(project).unwrap_or(path);
        match mistakes.split_first() {
            Some((first, others)) => Err(RecipeError::refused(shown, first, others.len())),
            None => draft.complete(path).ok_or_else(|| RecipeError::Incomplete { path: shown.to_owned() }),
        }
    }

    /// The environment of this name.
    pub fn environment(&self, name: &EnvironmentName) -> Result<&Environment, RecipeError> {
        self.environments.get(name).ok_or_else(|| RecipeError::UnknownEnvironment {
            recipe: self.path.clone(),
            name: name.to_string(),
            known: self.environments.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        })
    }
}
