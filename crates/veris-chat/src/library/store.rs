//! Where documents are kept: on this machine, or in Qdrant for many.

use std::path::PathBuf;

use secrecy::SecretString;

use super::passages::Passage;
use super::qdrant::Qdrant;
use super::sqlite::Sqlite;
use crate::documents::Chunk;

/// Where the library is kept.
#[derive(Debug, Clone)]
pub enum LibraryStore {
    /// Gone with the process.
    Memory,
    /// A file.
    File(PathBuf),
    /// A collection that machines share.
    Qdrant(QdrantCollection),
}

/// A collection of Qdrant.
#[derive(Debug, Clone)]
pub struct QdrantCollection {
    /// Its gRPC interface: scheme, host and port.
    pub url: String,
    /// Sent with every call.
    pub api_key: Option<SecretString>,
    /// Name of the collection; it is made when it does not exist.
    pub name: String,
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
        "the library has version {found}, and this program knows version {known}: run the newer program, or remove the file"
    )]
    Newer {
        /// Version of the file.
        found: u32,
        /// Version of the program.
        known: u32,
    },
    /// SQLite failed.
    #[error("the library fails: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Qdrant failed, or cannot be reached.
    #[error("Qdrant at {url} fails to {attempt} in collection `{collection}`: {detail}")]
    Qdrant {
        /// Its gRPC interface.
        url: String,
        /// The collection.
        collection: String,
        /// What was asked of it.
        attempt: &'static str,
        /// Its own words.
        detail: String,
    },
    /// The process ends.
    #[error("the library is closed")]
    Closed,
}

#[derive(Debug)]
pub(super) enum Store {
    Sqlite(Sqlite),
    Qdrant(Qdrant),
}

impl Store {
    /// Vectors of different models cannot be compared, so documents of another one than `embedding_model` are as good as absent.
    pub(super) fn open(store: &LibraryStore, embedding_model: &str) -> Result<Self, StoreFailure> {
        Ok(match store {
            LibraryStore::Memory => Self::Sqlite(Sqlite::in_memory(embedding_model)?),
            LibraryStore::File(path) => Self::Sqlite(Sqlite::open(path, embedding_model)?),
            LibraryStore::Qdrant(collection) => Self::Qdrant(Qdrant::new(collection, embedding_model)?),
        })
    }

    pub(super) async fn has(&self, url: &str) -> Result<bool, StoreFailure> {
        match self {
            Self::Sqlite(store) => store.has(url).await,
            Self::Qdrant(store) => store.has(url).await,
        }
    }

    /// Puts a document in the place of an older reading of it.
    pub(super) async fn put(&self, entry: Entry) -> Result<(), StoreFailure> {
        match self {
            Self::Sqlite(store) => store.put(entry).await,
            Self::Qdrant(store) => store.put(entry).await,
        }
    }

    /// The chunks of these documents that are most like `vector`, the likest first.
    pub(super) async fn nearest(
        &self,
        urls: Vec<String>,
        vector: Vec<f32>,
        most: usize,
    ) -> Result<Vec<Passage>, StoreFailure> {
        match self {
            Self::Sqlite(store) => store.nearest(urls, vector, most).await,
            Self::Qdrant(store) => store.nearest(urls, vector, most).await,
        }
    }

    /// Whether it answers.
    pub(super) async fn check(&self) -> Result<(), StoreFailure> {
        match self {
            Self::Sqlite(store) => store.check().await,
            Self::Qdrant(store) => store.check().await,
        }
    }
}
