//! The state in memory and on disk. Every change is on disk before its caller is answered.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::FallocateFlags;

use crate::fault::Fault;
use crate::state::State;

/// Bytes kept free for the state, which is far smaller.
const RESERVE: u64 = 1 << 20;

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
    #[error("failed to write the local cloud's state `{path}`{}", if is_full(source) { "; free some space on that disk" } else { "" })]
    Write { path: PathBuf, source: std::io::Error },
}

/// States that are remembered, where they are.
const REMEMBERED: usize = 64;

tokio::task_local! {
    /// What a request sees instead of the state.
    static EARLIER: Arc<State>;
}

/// Owner of `state.json`.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    state: Mutex<State>,
    /// `None` where earlier states are let go.
    earlier: Option<Mutex<Earlier>>,
}

#[derive(Debug, Default)]
struct Earlier {
    /// States and when each of them ended, the newest last.
    ended: VecDeque<(Instant, Arc<State>)>,
    /// What the last call found that could change anything.
    before_the_last_call: Option<Arc<State>>,
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
        Ok(Self { path, state: Mutex::new(state), earlier: None })
    }

    /// Remembers the states of the last while, for [`Store::as_it_was`].
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { earlier: Some(Mutex::default()), ..self }
    }

    /// Runs `request`, which reads what was there some time ago, or the oldest that is remembered. What it changes is changed now.
    pub async fn as_it_was<T>(&self, ago: Duration, request: impl Future<Output = T>) -> T {
        let then = Instant::now().checked_sub(ago);
        let earlier = self.earlier.as_ref().and_then(|earlier| {
            let earlier = earlier.lock().unwrap_or_else(PoisonError::into_inner);
            let mut ended = earlier.ended.iter();
            ended.find(|(ended, _)| then.is_none_or(|then| *ended > then)).map(|(_, state)| Arc::clone(state))
        });
        Self::seeing(earlier, request).await
    }

    /// Keeps what is there now, for [`Store::as_it_was_before_the_last_call`].
    pub fn remember_before_a_call(&self) {
        let Some(earlier) = &self.earlier else { return };
        let now = Arc::new(self.lock().clone());
        earlier.lock().unwrap_or_else(PoisonError::into_inner).before_the_last_call = Some(now);
    }

    /// Runs `request`, which reads what was there before the last call that could change anything.
    pub async fn as_it_was_before_the_last_call<T>(&self, request: impl Future<Output = T>) -> T {
        let earlier = self
            .earlier
            .as_ref()
            .and_then(|earlier| earlier.lock().unwrap_or_else(PoisonError::into_inner).before_the_last_call.clone());
        Self::seeing(earlier, request).await
    }

    async fn seeing<T>(earlier: Option<Arc<State>>, request: impl Future<Output = T>) -> T {
        match earlier {
            Some(state) => EARLIER.scope(state, request).await,
            None => request.await,
        }
    }

    /// Looks at the state. `look` must not block.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        match EARLIER.try_with(Arc::clone) {
            Ok(earlier) => look(&earlier),
            Err(_) => look(&self.lock()),
        }
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
            self.remember(std::mem::replace(&mut *state, next));
        }
        Ok(answer)
    }

    fn remember(&self, state: State) {
        let Some(earlier) = &self.earlier else { return };
        let mut earlier = earlier.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.ended.push_back((Instant::now(), Arc::new(state)));
        if earlier.ended.len() > REMEMBERED {
            earlier.ended.pop_front();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while the lock was held cannot have left half a change: `change` works on a copy.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replaces the file. On a full disk the reserve makes room: without the state nothing could be terminated to free space.
fn write(path: &Path, state: &State) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec_pretty(state).map_err(io::Error::from);
    let written = bytes.and_then(|bytes| match replace(path, &bytes) {
        Err(error) if is_full(&error) && fs_err::remove_file(reserve(path)).is_ok() => replace(path, &bytes),
        written => written,
    });
    written.map_err(|source| StoreError::Write { path: path.to_owned(), source })?;
    if let Err(error) = keep_reserve(&reserve(path)) {
        tracing::debug!(%error, "there is no room for a reserve");
    }
    Ok(())
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A file that is there only to be given up.
fn reserve(path: &Path) -> PathBuf {
    path.with_extension("reserve")
}

fn keep_reserve(path: &Path) -> io::Result<()> {
    if path.metadata().is_ok_and(|reserve| reserve.len() == RESERVE) {
        return Ok(());
    }
    let file = fs_err::File::create(path)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, RESERVE).map_err(|error| {
        // Half a reserve would be taken for a whole one.
        let _ = fs_err::remove_file(path);
        error.into()
    })
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

    #[tokio::test]
    async fn what_was_there_before_is_seen_only_where_it_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("state.json")).unwrap().remembering();
        let port = || store.read(|state| state.port);
        for number in 1..=3 {
            store
                .change(|state| {
                    state.port = Some(number);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(port(), Some(3));
        assert_eq!(store.as_it_was(Duration::from_mins(1), async { port() }).await, None);
        assert_eq!(store.as_it_was(Duration::ZERO, async { port() }).await, Some(3));
        assert_eq!(port(), Some(3));
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
