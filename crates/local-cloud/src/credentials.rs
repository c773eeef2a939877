//! The installation's key, made once.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::layout::Layout;

/// A key pair with which the operator signs requests.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Why the key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("failed to read or write the local cloud's credentials")]
    File(#[source] std::io::Error),
    #[error("the local cloud's credentials `{path}` are damaged; remove the file and start the local cloud again")]
    Corrupt { path: std::path::PathBuf, source: serde_json::Error },
}

impl Credentials {
    /// Reads the key, or makes it where there is none yet. Only the owner can read the file.
    pub fn load_or_create(layout: &Layout) -> Result<Self, CredentialsError> {
        let path = layout.credentials();
        match fs_err::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| CredentialsError::Corrupt { path, source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = Self::generate();
                made.write(layout).map_err(CredentialsError::File)?;
                Ok(made)
            }
            Err(error) => Err(CredentialsError::File(error)),
        }
    }

    fn generate() -> Self {
        // Base 32 digits as in AWS's key ids; 30 bytes are 40 characters of base 64, the length of AWS's secrets.
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let random: [u8; 16] = rand::random();
        let id: String = random.iter().map(|byte| char::from(digits[usize::from(byte % 32)])).collect();
        Self { access_key_id: format!("AKIA{id}"), secret_access_key: secret() }
    }

    fn write(&self, layout: &Layout) -> std::io::Result<()> {
        fs_err::create_dir_all(&layout.directory)?;
        // A temporary file is made with mode 0600 and keeps it when it is renamed.
        let mut file = tempfile::NamedTempFile::new_in(&layout.directory)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.as_file().sync_all()?;
        file.persist(layout.credentials()).map_err(|error| error.error)?;
        Ok(())
    }
}

/// A fresh secret key in AWS's shape.
pub fn secret() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 30]>())
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().join("new"), cache: directory.path().to_owned() };
        let made = Credentials::load_or_create(&layout).unwrap();
        assert_eq!(Credentials::load_or_create(&layout).unwrap(), made);
        assert_eq!(fs_err::metadata(layout.credentials()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!((made.access_key_id.len(), made.secret_access_key.len()), (20, 40));
        assert!(!format!("{made:?}").contains(&made.secret_access_key));
    }

    #[test]
    fn damaged_credentials_name_the_cure() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().to_owned(), cache: directory.path().to_owned() };
        fs_err::write(layout.credentials(), "{}").unwrap();
        let error = Credentials::load_or_create(&layout).unwrap_err().to_string();
        assert!(error.contains("remove the file"), "{error}");
    }
}
