//! Conversations in SQLite: one file, or the same tables in memory.
//!
//! An exchange is one row, so question and answer are kept together or not at all. The file is in WAL mode and every commit is
//! flushed, so what was committed survives the end of the process and of the machine.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::{Connection, Row, params};

use super::store::{Cause, KEPT, StoreError};
use super::{Exchange, History, SessionKey, Tokens};

/// Version of the tables, kept in the file's `user_version`.
const VERSION: u32 = 2;
const TABLES: &str = "
    CREATE TABLE session (
        id TEXT PRIMARY KEY,
        last_used INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_last_used ON session (last_used);
    CREATE TABLE exchange (
        session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        oldest_shown INTEGER NOT NULL,
        question TEXT NOT NULL,
        answer TEXT NOT NULL,
        truncated INTEGER NOT NULL,
        prompt_tokens INTEGER,
        answer_tokens INTEGER,
        documents TEXT NOT NULL DEFAULT '[]',
        PRIMARY KEY (session, number)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
";
/// For files of the first version, which knew no documents.
const SECOND_VERSION: &str = "
    ALTER TABLE exchange ADD COLUMN documents TEXT NOT NULL DEFAULT '[]';
    PRAGMA user_version = 2;
";
/// In memory, the sessions that were not used for longest are forgotten beyond this many.
const MAX_SESSIONS_IN_MEMORY: u32 = 2_000;

#[derive(Debug)]
pub(super) struct Sqlite {
    connection: Arc<Mutex<Connection>>,
    in_memory: bool,
}

impl Sqlite {
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory().map_err(StoreError::Sqlite)?;
        Self::prepare(connection, None)
    }

    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let open_error = |source: Cause| StoreError::Open { path: path.to_owned(), source };
        // SQLite gives its log the mode of the file, and nobody else may read conversations.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| open_error(error.into()))?;
        let connection = Connection::open(path).map_err(|error| open_error(error.into()))?;
        Self::prepare(connection, Some(path))
    }

    fn prepare(mut connection: Connection, path: Option<&Path>) -> Result<Self, StoreError> {
        let path = path.map(Path::to_owned);
        let failed = |error: rusqlite::Error| match path.clone() {
            Some(path) => StoreError::Open { path, source: error.into() },
            None => StoreError::Sqlite(error),
        };
        let found = tables(&mut connection).map_err(failed)?;
        if found > VERSION {
            return Err(StoreError::Newer { path: path.clone().unwrap_or_default(), found, known: VERSION });
        }
        Ok(Self { connection: Arc::new(Mutex::new(connection)), in_memory: path.is_none() })
    }

    pub(super) async fn load(&self, key: &SessionKey) -> Result<History, StoreError> {
        let key = key.clone();
        self.run(move |connection| {
            let mut rows = connection.prepare_cached(
                "SELECT number, oldest_shown, question, answer, truncated, prompt_tokens, answer_tokens, documents
                 FROM exchange
                 WHERE session = ?1 AND number >= (
                     SELECT oldest_shown FROM exchange WHERE session = ?1 ORDER BY number DESC LIMIT 1)
                 ORDER BY number",
            )?;
            let exchanges: Vec<_> = rows.query_map([key.as_str()], exchange)?.collect::<Result<_, _>>()?;
            Ok(History::from(exchanges))
        })
        .await
    }

    pub(super) async fn commit(
        &self,
        key: &SessionKey,
        exchange: Exchange,
        forgotten: Arc<AtomicBool>,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        let in_memory = self.in_memory;
        self.run(move |connection| {
            // Read under the connection's lock: a session is either forgotten before this, or deleted after it.
            if forgotten.load(Ordering::SeqCst) {
                return Ok(());
            }
            let transaction = connection.transaction()?;
            insert(&transaction, &key, &exchange)?;
            expire(&transaction)?;
            if in_memory {
                bound(&transaction, &key, exchange.oldest_shown)?;
            }
            transaction.commit()
        })
        .await
    }

    pub(super) async fn forget(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let key = key.clone();
        self.run(move |connection| Ok(connection.execute("DELETE FROM session WHERE id = ?1", [key.as_str()])? > 0))
            .await
    }

    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.run(|connection| connection.query_row("SELECT count(*) FROM session LIMIT 1", [], |_| Ok(()))).await
    }

    /// Off the threads that serve connections: a disk may be slow.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        // A transaction that panicked was rolled back when it was dropped.
        let task = move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(task).await.map_err(|_| StoreError::Closed)?.map_err(StoreError::Sqlite)
    }
}

/// Creates the tables in an empty file; the version of the tables.
fn tables(connection: &mut Connection) -> rusqlite::Result<u32> {
    connection.busy_timeout(Duration::from_secs(5))?;
    // A database in memory has no log to write ahead of and keeps its own mode.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction()?;
    let version = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => transaction.execute_batch(TABLES)?,
        1 => transaction.execute_batch(SECOND_VERSION)?,
        _ => {}
    }
    transaction.commit()?;
    Ok(version)
}

fn exchange(row: &Row<'_>) -> rusqlite::Result<Exchange> {
    let usage = match (row.get(5)?, row.get(6)?) {
        (Some(prompt), Some(answer)) => Some(Tokens { prompt, answer }),
        _ => None,
    };
    Ok(Exchange {
        number: row.get(0)?,
        oldest_shown: row.get(1)?,
        question: row.get(2)?,
        answer: row.get(3)?,
        truncated: row.get(4)?,
        usage,
        documents: serde_json::from_str(row.get_ref(7)?.as_str()?).unwrap_or_default(),
    })
}

fn insert(connection: &Connection, key: &SessionKey, exchange: &Exchange) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO session (id, last_used) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET last_used = excluded.last_used",
        )?
        .execute(params![key.as_str(), seconds_since_1970()])?;
    connection.prepare_cached("INSERT INTO exchange VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(params![
        key.as_str(),
        exchange.number,
        exchange.oldest_shown,
        exchange.question,
        exchange.answer,
        exchange.truncated,
        exchange.usage.map(|usage| usage.prompt),
        exchange.usage.map(|usage| usage.answer),
        serde_json::Value::from(exchange.documents.clone()).to_string(),
    ])?;
    Ok(())
}

fn expire(connection: &Connection) -> rusqlite::Result<()> {
    let oldest = seconds_since_1970().saturating_sub_unsigned(KEPT.as_secs());
    connection.prepare_cached("DELETE FROM session WHERE last_used < ?1")?.execute([oldest])?;
    Ok(())
}

/// Memory holds what a model may still be shown, of the newest sessions.
fn bound(connection: &Connection, key: &SessionKey, oldest_shown: u32) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM exchange WHERE session = ?1 AND number < ?2")?
        .execute(params![key.as_str(), oldest_shown])?;
    connection
        .prepare_cached(
            "DELETE FROM session WHERE id IN (SELECT id FROM session ORDER BY last_used DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([MAX_SESSIONS_IN_MEMORY])?;
    Ok(())
}

fn seconds_since_1970() -> i64 {
    i64::try_from(UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_1: &str = "
        CREATE TABLE session (id TEXT PRIMARY KEY, last_used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE INDEX session_last_used ON session (last_used);
        CREATE TABLE exchange (
            session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE, number INTEGER NOT NULL, oldest_shown INTEGER NOT NULL,
            question TEXT NOT NULL, answer TEXT NOT NULL, truncated INTEGER NOT NULL, prompt_tokens INTEGER, answer_tokens INTEGER,
            PRIMARY KEY (session, number)
        ) STRICT, WITHOUT ROWID;
        PRAGMA user_version = 1;
    ";

    #[tokio::test]
    async fn conversations_of_version_1_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let (key, now) = (SessionKey::new("", "a"), seconds_since_1970());
        let before = Connection::open(&path).unwrap();
        before.execute_batch(VERSION_1).unwrap();
        before.execute("INSERT INTO session VALUES (?1, ?2)", params![key.as_str(), now]).unwrap();
        let turn = "INSERT INTO exchange VALUES (?1, 1, 1, 'Colour?', 'Blue.', 0, 7, 2)";
        before.execute(turn, [key.as_str()]).unwrap();
        drop(before);

        let next = Exchange {
            number: 2,
            oldest_shown: 1,
            question: "Why?".to_owned(),
            answer: "Because.".to_owned(),
            truncated: false,
            usage: None,
            documents: vec!["https://example.org/a.pdf".to_owned()],
        };
        Sqlite::open(&path).unwrap().commit(&key, next, Arc::default()).await.unwrap();
        let history = Sqlite::open(&path).unwrap().load(&key).await.unwrap();
        assert_eq!(history.documents(), ["https://example.org/a.pdf"]);
        let kept = Connection::open(&path).unwrap();
        let questions: String =
            kept.query_row("SELECT group_concat(question, ' ') FROM exchange", [], |row| row.get(0)).unwrap();
        assert_eq!(questions, "Colour? Why?");
    }
}
