//! Chunks and their vectors in SQLite: one file, or the same tables in memory.
//!
//! A document is written in one transaction, so it is there whole or not at all. A search looks at every chunk of the documents
//! it is about: exact, without an index to build, and fast for what one machine's sessions name.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::passages::Passage;
use crate::documents::Chunk;

const VERSION: u32 = 1;
const TABLES: &str = "
    CREATE TABLE document (
        id INTEGER PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        filename TEXT NOT NULL
    ) STRICT;
    CREATE TABLE chunk (
        document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        page INTEGER NOT NULL,
        section_header TEXT,
        text TEXT NOT NULL,
        vector BLOB NOT NULL,
        PRIMARY KEY (document, number)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// Where the library is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryStore {
    /// Gone with the process.
    Memory,
    /// A file.
    File(PathBuf),
}

/// A document on its way into the library.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) url: String,
    pub(super) filename: String,
    pub(super) chunks: Vec<Chunk>,
    /// One for each chunk.
    pub(super) vectors: Vec<Vec<f32>>,
}

/// Why the store does not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// The file cannot be opened.
    #[error("the library `{path}` cannot be opened: {detail}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        detail: String,
    },
    /// A newer version has written the file.
    #[error(
        "the library has version {0}, and this program knows version {VERSION}: run the newer program, or remove the file"
    )]
    Newer(u32),
    /// SQLite failed.
    #[error("the library fails: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The process ends.
    #[error("the library is closed")]
    Closed,
}

#[derive(Debug)]
pub(super) struct Store {
    connection: Arc<Mutex<Connection>>,
}

impl Store {
    pub(super) fn open(store: &LibraryStore) -> Result<Self, StoreFailure> {
        let mut connection = match store {
            LibraryStore::Memory => Connection::open_in_memory()?,
            LibraryStore::File(path) => {
                let failed = |detail: String| StoreFailure::Open { path: path.display().to_string(), detail };
                // Its log gets the same mode, and a URL can be a key to its document.
                let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
                made.map_err(|error| failed(error.to_string()))?;
                Connection::open(path).map_err(|error| failed(error.to_string()))?
            }
        };
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let transaction = connection.transaction()?;
        let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found == 0 {
            transaction.execute_batch(TABLES)?;
        }
        transaction.commit()?;
        if found > VERSION {
            return Err(StoreFailure::Newer(found));
        }
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    pub(super) async fn has(&self, url: &str) -> Result<bool, StoreFailure> {
        let url = url.to_owned();
        self.run(move |connection| {
            let mut found = connection.prepare_cached("SELECT 1 FROM document WHERE url = ?1")?;
            Ok(found.query_row([url], |_| Ok(())).optional()?.is_some())
        })
        .await
    }

    /// Puts a document in the place of an older reading of it.
    pub(super) async fn put(&self, entry: Entry) -> Result<(), StoreFailure> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM document WHERE url = ?1", [&entry.url])?;
            transaction
                .execute("INSERT INTO document (url, filename) VALUES (?1, ?2)", [&entry.url, &entry.filename])?;
            let document = transaction.last_insert_rowid();
            for (chunk, vector) in entry.chunks.iter().zip(&entry.vectors) {
                let Chunk { page, index, section_header, text } = chunk;
                transaction.prepare_cached("INSERT INTO chunk VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
                    document,
                    index,
                    page,
                    section_header,
                    text,
                    bytes(vector)
                ])?;
            }
            transaction.commit()
        })
        .await
    }

    /// The chunks of these documents that are most like `vector`, the likest first.
    pub(super) async fn nearest(
        &self,
        urls: Vec<String>,
        vector: Vec<f32>,
        most: usize,
    ) -> Result<Vec<Passage>, StoreFailure> {
        self.run(move |connection| {
            let mut best: Vec<(f32, i64, u32)> = Vec::new();
            for url in &urls {
                let mut rows = connection.prepare_cached(
                    "SELECT document, number, vector FROM chunk JOIN document ON document.id = document WHERE url = ?1",
                )?;
                let mut rows = rows.query([url])?;
                while let Some(row) = rows.next()? {
                    let likeness = product(row.get_ref(2)?.as_blob().unwrap_or_default(), &vector);
                    best.push((likeness, row.get(0)?, row.get(1)?));
                }
                best.sort_by(|a, b| b.0.total_cmp(&a.0));
                best.truncate(most);
            }
            let mut chunk = connection.prepare_cached(
                "SELECT url, filename, page, number, section_header, text FROM chunk
                 JOIN document ON document.id = document WHERE document = ?1 AND number = ?2",
            )?;
            best.into_iter().map(|(_, document, number)| chunk.query_row(params![document, number], passage)).collect()
        })
        .await
    }

    pub(super) async fn check(&self) -> Result<(), StoreFailure> {
        self.run(|connection| connection.query_row("SELECT count(*) FROM document", [], |_| Ok(()))).await
    }

    /// Off the threads that serve connections.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let connection = Arc::clone(&self.connection);
        // A transaction that panicked was rolled back when it was dropped.
        let task = move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(tokio::task::spawn_blocking(task).await.map_err(|_| StoreFailure::Closed)??)
    }
}

fn passage(row: &Row<'_>) -> rusqlite::Result<Passage> {
    Ok(Passage {
        url: row.get(0)?,
        filename: row.get(1)?,
        page: row.get(2)?,
        index: row.get(3)?,
        section_header: row.get(4)?,
        text: row.get(5)?,
    })
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|part| part.to_le_bytes()).collect()
}

/// Of a stored vector and another one.
fn product(stored: &[u8], vector: &[f32]) -> f32 {
    let (parts, _) = stored.as_chunks();
    parts.iter().zip(vector).map(|(part, other)| f32::from_le_bytes(*part) * other).sum()
}
