//! What the cache says about a parent image: where it came from, and with that how it boots.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Boot, workspace};

const NAME: &str = "manifest.json";

/// `manifest.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) digest: String,
    #[serde(flatten)]
    pub(super) origin: Origin,
}

/// Where a parent image came from.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Origin {
    /// Debian, with the version of each package. Kernel and initial RAM disk lie beside the disk.
    Built { suite: String, packages: BTreeMap<String, String> },
    /// A file that somebody gave us, as it was.
    Given { source: String, firmware: Firmware },
}

/// What looks for the boot loader on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    Bios,
    Uefi,
}

impl Manifest {
    pub(super) fn boot(&self, directory: &Path) -> Boot {
        match self.origin {
            Origin::Built { .. } => {
                Boot::Kernel { kernel: directory.join("vmlinuz"), initrd: directory.join("initrd") }
            }
            Origin::Given { firmware, .. } => Boot::Loader(firmware),
        }
    }

    /// Gives a directory that holds an image its name, once everything in it is on disk.
    pub(super) fn keep(&self, unnamed: &Path, target: &Path) -> io::Result<()> {
        fs_err::write(unnamed.join(NAME), serde_json::to_vec_pretty(self)?)?;
        for entry in fs_err::read_dir(unnamed)? {
            fs_err::File::open(entry?.path())?.sync_all()?;
        }
        // What is there lacks its manifest or its disk: it would have been taken otherwise.
        workspace::remove_directory(target)?;
        fs_err::rename(unnamed, target)
    }
}

/// Reads the manifest of a directory; `None` where there is none.
pub(super) fn read(directory: &Path) -> io::Result<Option<Manifest>> {
    match fs_err::read(directory.join(NAME)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let what = format!("`{}` is damaged ({error}); remove that directory", directory.join(NAME).display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_how_the_image_boots() {
        let directory = Path::new("/cache/parents/0123");
        let boot = |text: &str| serde_json::from_str::<Manifest>(text).unwrap().boot(directory);
        let built = boot(r#"{"digest": "0123", "suite": "bookworm", "packages": {"udev": "252"}}"#);
        assert_eq!(built, Boot::Kernel { kernel: directory.join("vmlinuz"), initrd: directory.join("initrd") });
        let given = boot(r#"{"digest": "0123", "source": "/isos/al2023.qcow2", "firmware": "bios"}"#);
        assert_eq!(given, Boot::Loader(Firmware::Bios));
    }

    #[test]
    fn a_kept_image_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let (unnamed, target) = (directory.path().join("x.new"), directory.path().join("x"));
        fs_err::create_dir(&unnamed).unwrap();
        let origin = Origin::Given { source: "https://example.com/a.qcow2".into(), firmware: Firmware::Uefi };
        let manifest = Manifest { digest: "x".into(), origin };
        manifest.keep(&unnamed, &target).unwrap();
        assert_eq!(read(&target).unwrap(), Some(manifest));
        assert_eq!(read(&unnamed).unwrap(), None);
    }
}
