//! The checksums of `WebDownload`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// A checksum as a document gives it, in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) digest: String,
}

pub(crate) enum Hasher {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Checksum {
    /// Fails on a digest that cannot be the algorithm's, which would never match. Without an algorithm the digest's
    /// length decides.
    pub(crate) fn new(algorithm: impl Into<Option<Algorithm>>, digest: &str) -> Result<Self, String> {
        const ALGORITHMS: [Algorithm; 4] = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        let is_hexadecimal = digest.bytes().all(|digit| digit.is_ascii_hexdigit());
        let fits = |algorithm: &Algorithm| is_hexadecimal && digest.len() == algorithm.digits();
        let algorithm = match algorithm.into() {
            Some(algorithm) if fits(&algorithm) => algorithm,
            Some(algorithm) => {
                let digits = algorithm.digits();
                return Err(format!("`checksum` is no {algorithm} checksum, which has {digits} hexadecimal digits"));
            }
            None => ALGORITHMS.into_iter().find(fits).ok_or("`checksum` is no MD5, SHA1, SHA256 or SHA512 checksum")?,
        };
        Ok(Self { algorithm, digest: digest.to_ascii_lowercase() })
    }

    pub(crate) fn matches(&self, path: &Path) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let mut hasher = self.algorithm.hasher();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish() == self.digest),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

impl Algorithm {
    /// Hexadecimal digits of a digest.
    fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    pub(crate) fn hasher(self) -> Hasher {
        match self {
            Self::Md5 => Hasher::Md5(Md5::new()),
            Self::Sha1 => Hasher::Sha1(Sha1::new()),
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> String {
        match self {
            Self::Md5(hasher) => hex::encode(hasher.finalize()),
            Self::Sha1(hasher) => hex::encode(hasher.finalize()),
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "MD5" => Ok(Self::Md5),
            "SHA1" => Ok(Self::Sha1),
            "SHA256" => Ok(Self::Sha256),
            "SHA512" => Ok(Self::Sha512),
            _ => Err(format!("there is no algorithm `{text}`; use MD5, SHA1, SHA256 or SHA512")),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc() {
        let digest = |algorithm: Algorithm| {
            let mut hasher = algorithm.hasher();
            hasher.update(b"abc");
            hasher.finish()
        };
        assert_eq!(digest(Algorithm::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digest(Algorithm::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(digest(Algorithm::Sha256).starts_with("ba7816bf8f01cfea"));
        assert!(digest(Algorithm::Sha512).starts_with("ddaf35a193617aba"));
        for algorithm in [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let told = Checksum::new(None, &digest(algorithm)).unwrap();
            assert_eq!(told.algorithm, algorithm, "the length of a digest tells its algorithm");
        }
        assert!(Checksum::new(None, "abc").is_err());
    }

    #[test]
    fn a_digest_of_the_wrong_length_is_refused() {
        assert!(Checksum::new(Algorithm::Md5, "900150983CD24FB0D6963F7D28E17F72").is_ok());
        assert!(Checksum::new(Algorithm::Sha256, "900150983cd24fb0d6963f7d28e17f72").is_err());
    }
}
