//! Where the local cloud keeps its files.

use std::path::{Path, PathBuf};

/// The directories of one local cloud. ARCHITECTURE.md lists what is in them.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What belongs to this cloud alone: state, disks, buckets.
    pub directory: PathBuf,
    /// What every local cloud of this user shares: parent images.
    pub cache: PathBuf,
}

impl Layout {
    /// The same directories under the one name by which disks and processes refer to them.
    pub(crate) fn canonical(self) -> Self {
        // What does not exist yet has nothing that refers to it.
        let canonical = |path: PathBuf| path.canonicalize().or_else(|_| std::path::absolute(&path)).unwrap_or(path);
        Self { directory: canonical(self.directory), cache: canonical(self.cache) }
    }

    pub fn credentials(&self) -> PathBuf {
        self.directory.join("credentials.json")
    }

    pub fn endpoint(&self) -> PathBuf {
        self.directory.join("endpoint.json")
    }

    pub fn state(&self) -> PathBuf {
        self.directory.join("state.json")
    }

    /// What a user writes to have the cloud short of machines.
    pub fn capacity(&self) -> PathBuf {
        self.directory.join("capacity.json")
    }

    /// What a user writes to have a slow metadata service.
    pub fn metadata(&self) -> PathBuf {
        self.directory.join("metadata.json")
    }

    pub fn guest_socket(&self) -> PathBuf {
        self.directory.join("guest.sock")
    }

    pub fn buckets(&self) -> PathBuf {
        self.directory.join("buckets")
    }

    pub fn image_disk(&self, image_id: &str) -> PathBuf {
        self.directory.join("images").join(format!("{image_id}.qcow2"))
    }

    pub fn instance(&self, instance_id: &str) -> PathBuf {
        self.directory.join("instances").join(instance_id)
    }

    pub fn parents(&self) -> PathBuf {
        self.cache.join("parents")
    }

    pub fn log(directory: &Path) -> PathBuf {
        directory.join("cloud.log")
    }
}
