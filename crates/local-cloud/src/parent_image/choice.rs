//! Which parent image a local cloud boots from: the built one, or a file that the user named with its checksum.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::recipe;

/// The choice of one local cloud, kept in its `parent.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The small Debian that is built here.
    BuiltIn,
    Given(Given),
}

/// An image that somebody made, and the SHA-256 that proves which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub(super) source: Source,
    /// 64 lower-case hexadecimal digits.
    pub(super) sha256: String,
}

/// Where the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    /// `http` or `https`.
    Url(Url),
}

/// Why a choice cannot be understood or remembered.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    #[error("`{text}` is no SHA-256, which is 64 hexadecimal digits")]
    Checksum { text: String },
    #[error("`{text}` is neither a path nor a URL of http or https")]
    Source { text: String },
    #[error("`{path}` is damaged ({reason}); choose the parent image again with `veris local up --parent`")]
    Damaged { path: PathBuf, reason: String },
    #[error("failed to remember the choice of the parent image")]
    Io(#[from] io::Error),
}

/// The form in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: String,
    sha256: String,
}

impl Given {
    /// Reads what a user wrote: a path or a URL, and the checksum as `sha256sum` prints it.
    pub fn parse(source: &str, sha256: &str) -> Result<Self, ChoiceError> {
        let digits = sha256.trim().to_ascii_lowercase();
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ChoiceError::Checksum { text: sha256.to_owned() });
        }
        Ok(Self { source: Source::parse(source)?, sha256: digits })
    }
}

impl Source {
    fn parse(text: &str) -> Result<Self, ChoiceError> {
        let unknown = || ChoiceError::Source { text: text.to_owned() };
        if text.contains("://") {
            let url = Url::parse(text).map_err(|_| unknown())?;
            return if matches!(url.scheme(), "http" | "https") { Ok(Self::Url(url)) } else { Err(unknown()) };
        }
        // An empty path has no absolute form.
        std::path::absolute(text).map(Self::File).map_err(|_| unknown())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::Given(given) => given.source.fmt(f),
        }
    }
}

impl Choice {
    /// The digest under which the image is kept in the cache.
    pub fn digest(&self) -> String {
        match self {
            Self::BuiltIn => recipe::digest(),
            Self::Given(given) => given.sha256.clone(),
        }
    }

    /// What was chosen for the local cloud in this directory; the built-in image where nothing was.
    pub fn read(directory: &Path) -> Result<Self, ChoiceError> {
        let path = file(directory);
        let damaged = |reason: String| ChoiceError::Damaged { path: path.clone(), reason };
        let bytes = match fs_err::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::BuiltIn),
            read => read?,
        };
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        Given::parse(&written.source, &written.sha256).map(Self::Given).map_err(|error| damaged(error.to_string()))
    }

    /// Remembers the choice for the local cloud in this directory, which exists.
    pub fn write(&self, directory: &Path) -> Result<(), ChoiceError> {
        let path = file(directory);
        let Self::Given(given) = self else {
            return match fs_err::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            };
        };
        let written = Written { source: given.source.to_string(), sha256: given.sha256.clone() };
        let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer_pretty(&mut temporary, &written).map_err(io::Error::from)?;
        temporary.as_file().sync_all()?;
        temporary.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("parent.json")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn a_choice_is_remembered_until_another_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let read = || Choice::read(directory.path()).unwrap();
        assert_eq!(read(), Choice::BuiltIn);
        let given = Choice::Given(Given::parse("images/al2023.qcow2", &SHA256.to_uppercase()).unwrap());
        given.write(directory.path()).unwrap();
        assert_eq!(read(), given);
        assert_eq!(read().digest(), SHA256);
        assert!(Path::new(&given.to_string()).is_absolute(), "later commands run elsewhere: {given}");
        Choice::BuiltIn.write(directory.path()).unwrap();
        assert_eq!(read(), Choice::BuiltIn);
    }

    #[test]
    fn a_damaged_file_names_the_cure() {
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(file(directory.path()), r#"{"source": "/a", "sha256": "12"}"#).unwrap();
        let error = Choice::read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("parent.json` is damaged") && error.contains("--parent"), "{error}");
    }

    #[test]
    fn only_paths_and_web_addresses_are_sources() {
        assert!(matches!(Source::parse("https://example.com/a.qcow2"), Ok(Source::Url(_))));
        assert!(matches!(Source::parse("/isos/a b.qcow2"), Ok(Source::File(_))));
        for text in ["s3://bucket/a.qcow2", "", "https://"] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
        assert!(Given::parse("/a", &SHA256[1..]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_understood_is_written_and_read_the_same(source in "\\PC{1,40}") {
            let Ok(given) = Given::parse(&source, SHA256) else { return Ok(()) };
            let directory = tempfile::tempdir().unwrap();
            let choice = Choice::Given(given);
            choice.write(directory.path()).unwrap();
            prop_assert_eq!(Choice::read(directory.path()).unwrap(), choice);
        }
    }
}
