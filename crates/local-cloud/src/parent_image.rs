//! Placeholder: helper vm.
use std::path::PathBuf;

/// The image that every other image lies over.
#[derive(Debug, Clone)]
pub struct Parent {
    pub digest: String,
    pub directory: PathBuf,
    pub disk: PathBuf,
    pub kernel: PathBuf,
    pub initrd: PathBuf,
}
