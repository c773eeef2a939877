//! Chunks and their vectors in SQLite: one file, or the same tables in memory.
//!
//! A document is written in one transaction, so it is there whole or not at all. A search looks at every chunk of the documents
//! it is about: exact, without an index to build, and fast for what one machine's sessions name.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::passages::{Passage, chunk_id};
use super::store::{Entry, StoreFailure};
use crate::behind::behind;
use crate::documents::Chunk;

const VERSION: u32 = 2;
const TABLES: &str = "
    CREATE TABLE document (
        id INTEGER PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        filename TEXT NOT NULL,
        embedding_model TEXT NOT NULL
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
    PRAGMA user_version = 2;
";
/// Which model has made the vectors of version 1 is not known, so its documents are read again when they are asked about.
const FROM_VERSION_1: &str = "
    ALTER TABLE document ADD COLUMN embedding_model TEXT NOT NULL DEFAULT '';
    PRAGMA user_version = 2;
";

#[derive(Debug)]
pub(super) struct Sqlite {
    /// Reads only: a document is found while another one is written.
    reader: Arc<Mutex<Connection>>,
    /// The same connection in memory, where there can be no second one.
    writer: Arc<Mutex<Connection>>,
    /// Vectors of different models cannot be compared, so documents of another one are as good as absent.
    embedding_model: Arc<str>,
}

impl Sqlite {
    pub(super) fn in_memory(embedding_model: &str) -> Result<Self, StoreFailure> {
        let connection = Arc::new(Mutex::new(prepared(Connection::open_in_memory()?)?));
        Ok(Self { reader: Arc::clone(&connection), writer: connection, embedding_model: embedding_model.into() })
    }

    pub(super) fn open(path: &Path, embedding_model: &str) -> Result<Self, StoreFailure> {
        let failed = |detail: String| StoreFailure::Open { path: path.display().to_string(), detail };
        // Its log gets the same mode, and a URL can be a key to its document.
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|error| failed(error.to_string()))?;
        let connect = || prepared(Connection::open(path).map_err(|error| failed(error.to_string()))?);
        let [writer, reader] = [connect()?, connect()?].map(|connection| Arc::new(Mutex::new(connection)));
        Ok(Self { reader, writer, embedding_model: embedding_model.into() })
    }

    pub(super) async fn has(&self, url: &str) -> Result<bool, StoreFailure> {
        let (url, model) = (url.to_owned(), Arc::clone(&self.embedding_model));
        self.run(move |connection| {
            let mut found =
                connection.prepare_cached("SELECT 1 FROM document WHERE url = ?1 AND embedding_model = ?2")?;
            Ok(found.query_row(params![url, model], |_| Ok(())).optional()?.is_some())
        })
        .await
    }

    /// Puts a document in the place of an older reading of it.
    pub(super) async fn put(&self, entry: Entry) -> Result<(), StoreFailure> {
        let (model, writer) = (Arc::clone(&self.embedding_model), Arc::clone(&self.writer));
        let written =
            behind(move || {
                let connection = &mut lock(&writer);
                let transaction = connection.transaction()?;
                transaction.execute("DELETE FROM document WHERE url = ?1", [&entry.url])?;
                transaction.execute(
                    "INSERT INTO document (url, filename, embedding_model) VALUES (?1, ?2, ?3)",
                    params![entry.url, entry.filename, model],
                )?;
                let document = transaction.last_insert_rowid();
                for (chunk, vector) in entry.chunks.iter().zip(&entry.vectors) {
                    let Chunk { page, index, section_header, text } = chunk;
                    transaction
                        .prepare_cached("INSERT INTO chunk VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                        .execute(params![document, index, page, section_header, text, bytes(vector)])?;
                }
                transaction.commit()
            });
        Ok(written.await.ok_or(StoreFailure::Closed)??)
    }

    /// The chunks of these documents that are most like `vector`, the likest first.
    pub(super) async fn nearest(
        &self,
        urls: Vec<String>,
        vector: Vec<f32>,
        most: usize,
    ) -> Result<Vec<Passage>, StoreFailure> {
        let model = Arc::clone(&self.embedding_model);
        self.run(move |connection| {
            let mut best: Vec<(f32, i64, u32)> = Vec::new();
            for url in &urls {
                let mut rows = connection.prepare_cached(
                    "SELECT document, number, vector FROM chunk JOIN document ON document.id = document
                     WHERE url = ?1 AND embedding_model = ?2",
                )?;
                let mut rows = rows.query(params![url, model])?;
                while let Some(row) = rows.next()? {
                    let likeness = product(row.get_ref(2)?.as_blob().unwrap_or_default(), &vector);
                    best.push((likeness, row.get(0)?, row.get(1)?));
                }
                best.sort_by(|a, b| b.0.total_cmp(&a.0));
                best.truncate(most);
            }
            let mut chunk = connection.prepare_cached(
                "SELECT url, filename, page, number, section_header, text, embedding_model FROM chunk
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
        let reader = Arc::clone(&self.reader);
        let task = move || work(&mut lock(&reader));
        Ok(tokio::task::spawn_blocking(task).await.map_err(|_| StoreFailure::Closed)??)
    }
}

/// With the tables of this version.
fn prepared(mut connection: Connection) -> Result<Connection, StoreFailure> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction()?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        0 => transaction.execute_batch(TABLES)?,
        1 => transaction.execute_batch(FROM_VERSION_1)?,
        _ => {}
    }
    transaction.commit()?;
    if found > VERSION {
        return Err(StoreFailure::Newer { found, known: VERSION });
    }
    Ok(connection)
}

/// A transaction that panicked was rolled back when it was dropped.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn passage(row: &Row<'_>) -> rusqlite::Result<Passage> {
    let (url, model): (String, String) = (row.get(0)?, row.get(6)?);
    Ok(Passage {
        chunk_id: chunk_id(&url, &model, row.get(3)?),
        url,
        filename: row.get(1)?,
        page: row.get(2)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_1: &str = "
        CREATE TABLE document (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, filename TEXT NOT NULL) STRICT;
        CREATE TABLE chunk (
            document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE, number INTEGER NOT NULL, page INTEGER NOT NULL,
            section_header TEXT, text TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (document, number)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO document VALUES (1, 'https://example.org/a.pdf', 'a.pdf');
        PRAGMA user_version = 1;
    ";

    fn entry() -> Entry {
        let chunk = Chunk { page: 1, index: 0, section_header: None, text: "Cats sleep.".to_owned() };
        let (url, filename) = ("https://example.org/a.pdf".to_owned(), "a.pdf".to_owned());
        Entry { url, filename, chunks: vec![chunk], vectors: vec![vec![1.0, 0.0]] }
    }

    #[tokio::test]
    async fn a_library_of_version_1_is_taken_over_and_its_documents_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.db");
        Connection::open(&path).unwrap().execute_batch(VERSION_1).unwrap();
        let store = Sqlite::open(&path, "cohere").unwrap();
        assert!(!store.has(&entry().url).await.unwrap());
        store.put(entry()).await.unwrap();
        assert!(store.has(&entry().url).await.unwrap());
        drop(store);
        assert!(Sqlite::open(&path, "cohere").unwrap().has(&entry().url).await.unwrap());
    }

    #[tokio::test]
    async fn vectors_of_another_model_are_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("documents.db");
        let nearest = async |model| {
            let store = Sqlite::open(&file, model).unwrap();
            let found = store.nearest(vec![entry().url], vec![1.0, 0.0], 5).await.unwrap().len();
            (store.has(&entry().url).await.unwrap(), found)
        };
        Sqlite::open(&file, "old").unwrap().put(entry()).await.unwrap();
        assert_eq!(nearest("old").await, (true, 1));
        assert_eq!(nearest("new").await, (false, 0));
    }
}
