//! Where conversations are kept.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::sqlite::Sqlite;
use super::{Exchange, History, SessionKey};

/// Where conversations are kept, as `SESSION_STORE` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionStore {
    /// In this process; they end with it. `memory`
    Memory,
    /// In a file of this machine. `sqlite:///var/lib/veris-chat/sessions.db`
    Sqlite(PathBuf),
}

impl FromStr for SessionStore {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once("://") {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if path.len() > 1 && path.starts_with('/') => Ok(Self::Sqlite(path.into())),
            _ => Err(()),
        }
    }
}

/// Of the file system or of SQLite.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error(
        "failed to open the session store `{path}`: SESSION_STORE must name a file in a folder that the server may write to"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// The file was written by a server that knows more.
    #[error(
        "the session store `{path}` has version {found}, and this server knows versions up to {known}: run the newer release, or move the file away"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: u32,
        /// The newest version that this server understands.
        known: u32,
    },
    /// Reading or writing failed.
    #[error("the session store failed")]
    Sqlite(#[source] rusqlite::Error),
    /// The work was given up because the server ends.
    #[error("the session store is closed")]
    Closed,
}

#[derive(Debug)]
pub(super) enum Store {
    Sqlite(Sqlite),
}

impl Store {
    pub(super) fn open(store: &SessionStore) -> Result<Self, StoreError> {
        match store {
            SessionStore::Memory => Sqlite::in_memory(),
            SessionStore::Sqlite(path) => Sqlite::open(path),
        }
        .map(Self::Sqlite)
    }

    /// The exchanges that the model may still be shown.
    pub(super) async fn load(&self, key: &SessionKey) -> Result<History, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.load(key).await,
        }
    }

    /// Keeps an exchange, unless its session was forgotten meanwhile.
    pub(super) async fn commit(
        &self,
        key: &SessionKey,
        exchange: Exchange,
        forgotten: Arc<AtomicBool>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.commit(key, exchange, forgotten).await,
        }
    }

    /// Whether the store answers.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.check().await,
        }
    }

    /// Forgets a session; whether there was one.
    pub(super) async fn forget(&self, key: &SessionKey) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.forget(key).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_kind_and_place() {
        assert_eq!("memory".parse(), Ok(SessionStore::Memory));
        assert_eq!("sqlite:///srv/s.db".parse(), Ok(SessionStore::Sqlite("/srv/s.db".into())));
        for wrong in ["", "sqlite", "sqlite://", "sqlite:///", "sqlite://relative.db", "memory://", "postgres:///x"] {
            assert_eq!(wrong.parse::<SessionStore>(), Err(()), "{wrong}");
        }
    }
}
