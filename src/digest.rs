//! The bake digest: one SHA-256 over everything that makes an image what it is.
//!
//! Two bakes with the same digest make the same image, so the second one need not happen.

use std::fmt;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize};

/// A SHA-256, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sha256Digest(String);

impl Sha256Digest {
    /// Digest of some bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(hex::encode(digest(&SHA256, bytes.as_ref())))
    }

    /// Digest of a file's content.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        let mut hasher = Context::new(&SHA256);
        let mut file = fs_err::File::open(path)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match std::io::Read::read(&mut file, &mut buffer)? {
                0 => return Ok(Self(hex::encode(hasher.finish()))),
                length => hasher.update(&buffer[..length]),
            }
        }
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A precision shortens it, as it does for any text.
        f.pad(&self.0)
    }
}

/// Every input of a bake. The commit is not among them: it says where the inputs came from, not what they are.
#[derive(Debug, Clone, Serialize)]
pub struct Inputs {
    /// Name of the service.
    pub service: String,
    /// Version of the image.
    pub version: semver::Version,
    /// Id of the image that the bake starts from.
    pub parent_image: String,
    /// The root volume.
    pub volume: VolumeInput,
    /// The binary.
    pub binary: FileInput,
    /// The rendered components, in the order in which they run.
    pub components: Vec<FileInput>,
    /// systemd units, in any order.
    pub units: Vec<FileInput>,
    /// Other files, in any order.
    pub files: Vec<FileInput>,
}

/// The root volume of an image.
#[derive(Debug, Clone, Serialize)]
pub struct VolumeInput {
    /// Device name.
    pub device: String,
    /// Size in GiB.
    pub size_gib: u32,
    /// EBS volume type.
    pub kind: String,
    /// By which key it is encrypted; absent where the account decides, so that older digests stay what they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
}

/// A file that takes part in a bake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileInput {
    /// Its path in the image, or its name where it has none.
    pub name: String,
    /// Its mode in the image, where the recipe says it.
    pub mode: Option<String>,
    /// Digest of its content.
    pub sha256: Sha256Digest,
}

impl Inputs {
    /// The bake digest.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.manifest())
    }

    /// The canonical text of the inputs. JSON keeps neighbouring values apart, whatever characters they hold; the first line
    /// names this form, so that a later form can never give the digest of an earlier one.
    fn manifest(&self) -> String {
        let mut canonical = self.clone();
        canonical.units.sort();
        canonical.files.sort();
        let json = serde_json::to_string_pretty(&canonical).expect("texts and numbers always have a JSON form");
        format!("veris bake inputs, form 1\n{json}\n")
    }
}
