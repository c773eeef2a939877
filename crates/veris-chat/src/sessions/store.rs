//! Where conversations are kept.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;

use super::dynamodb::DynamoDb;
use super::sqlite::Sqlite;
use super::{Exchange, History, SessionKey};

/// A session that was not used for so long is forgotten.
pub(super) const KEPT: Duration = Duration::from_hours(90 * 24);

/// Where conversations are kept, as `SESSION_STORE` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionStore {
    /// In this process; they end with it. `memory`
    Memory,
    /// In a file of this machine. `sqlite:///var/lib/veris-chat/sessions.db`
    Sqlite(PathBuf),
    /// In a table that several machines share. `dynamodb://ap-southeast-2/veris-sessions`
    DynamoDb(Table),
}

/// A table of DynamoDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name of the table.
    pub name: String,
    /// Where it lies; the model can be called in another region.
    pub region: String,
    /// Another endpoint than AWS's own.
    pub endpoint: Option<String>,
}

impl FromStr for SessionStore {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once("://") {
            None if text == "memory" => Ok(Self::Memory),
            Some(("dynamodb", place)) => table(place).map(Self::DynamoDb).ok_or(()),
            Some(("sqlite", path)) if path.len() > 1 && path.starts_with('/') => Ok(Self::Sqlite(path.into())),
            _ => Err(()),
        }
    }
}

fn table(place: &str) -> Option<Table> {
    let (region, name) = place.split_once('/')?;
    let is_region =
        region.split('-').count() >= 3 && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_name = (3..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    (is_region && is_name).then(|| Table { name: name.to_owned(), region: region.to_owned(), endpoint: None })
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
    /// A call failed.
    #[error("the session store in table `{table}` of DynamoDB in {region} failed: {detail}")]
    DynamoDb {
        /// The table.
        table: String,
        /// Its region.
        region: String,
        /// What the call met.
        detail: String,
    },
    /// A call could not be put together.
    #[error("a request to the session store is incomplete")]
    Request(#[source] BuildError),
    /// Somebody else has written into the table.
    #[error("the session store holds an item without the attribute `{attribute}`, which this server has not written")]
    Foreign {
        /// The attribute.
        attribute: &'static str,
    },
    /// Another server has answered or deleted the session meanwhile.
    #[error("another server changed the session while it was answered here")]
    Overtaken,
    /// The work was given up because the server ends.
    #[error("the session store is closed")]
    Closed,
}

#[derive(Debug)]
pub(super) enum Store {
    Sqlite(Sqlite),
    DynamoDb(DynamoDb),
}

impl Store {
    pub(super) fn open(store: &SessionStore) -> Result<Self, StoreError> {
        match store {
            SessionStore::Memory => Sqlite::in_memory().map(Self::Sqlite),
            SessionStore::Sqlite(path) => Sqlite::open(path).map(Self::Sqlite),
            SessionStore::DynamoDb(table) => Ok(Self::DynamoDb(DynamoDb::open(table))),
        }
    }

    /// The exchanges that the model may still be shown.
    pub(super) async fn load(&self, key: &SessionKey) -> Result<History, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.load(key).await,
            Self::DynamoDb(table) => table.load(key).await,
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
            Self::DynamoDb(table) => table.commit(key, exchange, forgotten).await,
        }
    }

    /// Whether the store answers.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.check().await,
            Self::DynamoDb(table) => table.check().await,
        }
    }

    /// Forgets a session; whether there was one.
    pub(super) async fn forget(&self, key: &SessionKey) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.forget(key).await,
            Self::DynamoDb(table) => table.forget(key).await,
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
        let table = Table { name: "veris".to_owned(), region: "ap-southeast-2".to_owned(), endpoint: None };
        assert_eq!("dynamodb://ap-southeast-2/veris".parse(), Ok(SessionStore::DynamoDb(table)));
        for wrong in [
            "",
            "dynamodb://veris",
            "dynamodb://ap-southeast-2/a b",
            "sqlite",
            "sqlite://",
            "sqlite:///",
            "sqlite://relative.db",
            "memory://",
            "postgres:///x",
        ] {
            assert_eq!(wrong.parse::<SessionStore>(), Err(()), "{wrong}");
        }
    }
}
