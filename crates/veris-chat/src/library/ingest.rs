//! Reading a document into the library: once, however many ask for it at the same time, and to its end, whoever leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::Instrument as _;
use url::Url;

use super::Library;
use super::embed::{Purpose, TEXTS_AT_ONCE};
use super::store::Entry;
use crate::api_error::ApiError;
use crate::documents::{Document, filename};

/// How far a document is.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    /// It is fetched and taken apart.
    Reading,
    /// So many of its chunks have a vector.
    Embedding {
        done: usize,
        of: usize,
    },
    Ended(Result<(), ApiError>),
}

/// Documents that are being read.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Url, watch::Receiver<Progress>>>);

/// A document that is being read. It ends when it is dropped, also by a panic: nobody waits for what does not go on.
struct Flight {
    library: Arc<Library>,
    url: Url,
    told: watch::Sender<Progress>,
    ended: Result<(), ApiError>,
}

impl Flight {
    fn land(&mut self, ended: Result<(), ApiError>) {
        self.ended = ended;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.library.flights().remove(&self.url);
        self.told.send_replace(Progress::Ended(self.ended.clone()));
    }
}

impl Progress {
    /// In words, for whoever waits.
    pub(crate) fn told(&self, url: &Url) -> String {
        let name = filename(url);
        match self {
            Self::Reading => format!("reading {name}"),
            Self::Embedding { done, of } => format!("indexing {name}: {done} of {of} passages"),
            Self::Ended(_) => format!("{name} is indexed"),
        }
    }
}

impl Library {
    /// Where the document is not there yet, its progress, which ends when it is or cannot be.
    pub(crate) async fn require(self: &Arc<Self>, url: &Url) -> Result<Option<watch::Receiver<Progress>>, ApiError> {
        if self.has(url).await? {
            return Ok(None);
        }
        let mut flights = self.flights();
        if let Some(progress) = flights.get(url) {
            return Ok(Some(progress.clone()));
        }
        let (told, progress) = watch::channel(Progress::Reading);
        flights.insert(url.clone(), progress.clone());
        let mut flight = Flight { library: Arc::clone(self), url: url.clone(), told, ended: Err(ApiError::internal()) };
        let read = async move {
            let ended = flight.library.ingest(&flight.url, &flight.told).await;
            flight.land(ended);
        };
        self.tasks.spawn(read.in_current_span());
        Ok(Some(progress))
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Url, watch::Receiver<Progress>>> {
        // The map is consistent after every statement, so a panic elsewhere does not spoil it.
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ingest(&self, url: &Url, told: &watch::Sender<Progress>) -> Result<(), ApiError> {
        let _permit = self.permits.acquire().await.map_err(|_| ApiError::stopping())?;
        // Another flight may have ended between the look into the store and the beginning of this one.
        if self.has(url).await? {
            return Ok(());
        }
        let document = self.reader.read(url).await?;
        let vectors = self.vectors(&document, told).await?;
        let chunks = document.chunks.len();
        let entry = Entry { url: url.to_string(), filename: document.filename, chunks: document.chunks, vectors };
        self.store.put(entry).await.map_err(|error| ApiError::library(&error))?;
        tracing::info!(document.chunks = chunks, document.blank_pages = document.blank_pages, "a document was indexed");
        Ok(())
    }

    async fn vectors(&self, document: &Document, told: &watch::Sender<Progress>) -> Result<Vec<Vec<f32>>, ApiError> {
        let of = document.chunks.len();
        let mut vectors = Vec::with_capacity(of);
        for batch in document.chunks.chunks(TEXTS_AT_ONCE) {
            told.send_replace(Progress::Embedding { done: vectors.len(), of });
            let texts: Vec<String> = batch.iter().map(|chunk| chunk.text.clone()).collect();
            vectors.extend(self.embedder.embed(&texts, Purpose::Document).await?);
        }
        Ok(vectors)
    }
}
