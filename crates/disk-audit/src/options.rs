//! What an audit is asked.

use std::fmt;
use std::str::FromStr;

/// What to look for beside the rules that hold for every image.
#[derive(Default)]
pub struct Options {
    /// Byte strings that must be nowhere: not in a file, a name, or the target of a link.
    pub canaries: Vec<Canary>,
    /// Files that must be there as they are described.
    pub expected: Vec<Expected>,
    /// Files below `/root`, `/home` and `/etc` that may hold a private key.
    pub allowed_keys: Vec<String>,
    /// Hears how far the audit is, up to some thousand times a second.
    pub progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
}

impl Options {
    pub(crate) fn report_progress(&self, progress: Progress) {
        if let Some(hear) = &self.progress {
            hear(progress);
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("canaries", &self.canaries)
            .field("expected", &self.expected)
            .field("allowed_keys", &self.allowed_keys)
            .finish_non_exhaustive()
    }
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    /// Names that were found, or files that were read.
    pub files: u64,
    /// Bytes of files that were read.
    pub bytes: u64,
    /// Bytes of files that there are to read; unknown while directories are read.
    pub total_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Directories,
    Contents,
}

/// A secret that was used while the image was made. What it is never leaves this type: reports and `Debug` show its name.
#[derive(Clone)]
pub struct Canary {
    name: String,
    bytes: Vec<u8>,
}

/// A shorter byte string stands on a disk of some GiB by chance.
const SHORTEST_CANARY: usize = 8;

#[derive(Debug, thiserror::Error)]
#[error(
    "the canary `{name}` is shorter than {SHORTEST_CANARY} bytes or nothing but zeros; it would be found by chance"
)]
pub struct CanaryTooShort {
    name: String,
}

impl Canary {
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<Self, CanaryTooShort> {
        let (name, bytes) = (name.into(), bytes.into());
        let is_common = bytes.len() < SHORTEST_CANARY || bytes.iter().all(|byte| *byte == 0);
        if is_common { Err(CanaryTooShort { name }) } else { Ok(Self { name, bytes }) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A regular file that must be in the image. Links on the way to it are followed.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Absolute, from the image's root.
    pub path: String,
    pub sha256: Option<Digest>,
    /// Permission bits, such as `0o755`.
    pub mode: Option<u16>,
    pub owner: Option<Owner>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// A SHA-256, written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a SHA-256 of 64 hexadecimal digits")]
pub struct NotADigest(String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| NotADigest(text.to_owned()))?;
        Ok(Self(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
