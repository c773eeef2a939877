//! Ed25519 keys, as `openssl genpkey -algorithm ed25519` writes them.

use std::fmt;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use crate::digest::Sha256Digest;
use crate::error::{Failure, user};

/// What stands before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const HOW: &str = "`openssl genpkey -algorithm ed25519 -out key.pem` makes a key, `openssl pkey -in key.pem -pubout -out key.pub.pem` its public half";

/// Signs; never leaves the machine of whoever releases.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    id: String,
}

/// Tells who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    bytes: Vec<u8>,
    id: String,
}

impl SigningKey {
    /// Reads a private key in PEM (PKCS #8).
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let pem = read(path)?;
        let no_key = || user(format!("`{}` holds no Ed25519 private key in PEM (PKCS #8)", path.display())).hint(HOW);
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| no_key())?;
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| no_key())?;
        let id = id(pair.public_key().as_ref());
        Ok(Self { pair, id })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

impl PublicKey {
    /// Reads a public key in PEM.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let pem = read(path)?;
        let no_key = || user(format!("`{}` holds no Ed25519 public key in PEM", path.display())).hint(HOW);
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&pem).map_err(|_| no_key())?;
        let bytes = der.as_ref().strip_prefix(&SPKI).filter(|bytes| bytes.len() == 32).ok_or_else(no_key)?.to_vec();
        Ok(Self { id: id(&bytes), bytes })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.bytes).verify(text, signature).is_ok()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs_err::read(path).map_err(|error| user("failed to read a key").hint(HOW).source(error))
}

fn id(public: &[u8]) -> String {
    Sha256Digest::of([SPKI.as_slice(), public].concat()).to_string()
}

/// Nothing of the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}
