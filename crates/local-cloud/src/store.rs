//! The state in memory and on disk. Every change is on disk before its caller is answered.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::fault::Fault;
use crate::state::State;

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("failed to read the local cloud's state")]
    Read(#[source] std::io::Error),
    #[error(
        "the local cloud's state `{path}` is damaged: {reason}; restore the file, or remove everything with \
         `veris local down --delete` and start again"
    )]
    Corrupt { path: PathBuf, reason: String },
    #[error("failed to write the local cloud's state `{path}`")]
    Write { path: PathBuf, source: std::io::Error },
}

/// Owner of `state.json`.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    state: Mutex<State>,
}

impl Store {
    /// Reads the state, or starts with an empty one where no file exists.
    pub fn open(path: PathBuf) -> Result<Self, StoreError> {
        let state = match fs_err::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| StoreError::Corrupt { path: path.clone(), reason: error.to_string() })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(StoreError::Read(error)),
        };
        Ok(Self { path, state: Mutex::new(state) })
    }

    /// Looks at the state. `look` must not block.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and writes it; when `change` fails or the disk is full, nothing has changed.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut state = self.lock();
        let mut next = state.clone();
        let answer = change(&mut next)?;
        if next != *state {
            write(&self.path, &next).map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                Fault::internal(format!("{error}: {cause}"))
            })?;
            *state = next;
        }
        Ok(answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while the lock was held cannot have left half a change: `change` works on a copy.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn write(path: &Path, state: &State) -> Result<(), StoreError> {
    let failed = |source| StoreError::Write { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Path::new("."));
    let bytes = serde_json::to_vec_pretty(state).map_err(|error| failed(error.into()))?;
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::image_builder::Token;

    #[test]
    fn a_damaged_state_names_the_file_and_the_cure() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        fs_err::write(&path, "{\"images\": 1").unwrap();
        let error = Store::open(path.clone()).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains("veris local down --delete"), "{error}");
    }

    #[test]
    fn a_failed_change_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("state.json")).unwrap();
        let refused = store.change(|state| {
            state.sessions.clear();
            state.image_builder.tokens.insert("CreateImage".into(), Token::default());
            Err::<(), _>(Fault::client("No", "no"))
        });
        assert!(refused.is_err());
        assert!(store.read(|state| state.image_builder.tokens.is_empty()));
    }
}
