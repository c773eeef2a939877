//! Documents that can be asked about: each is read once for everybody, and found again by its URL.

mod citations;
mod embed;
mod ingest;
mod passages;
mod qdrant;
mod sqlite;
mod store;

use aws_sdk_bedrockruntime::Client;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use url::Url;

pub(crate) use citations::Citer;
pub(crate) use ingest::Progress;
pub(crate) use passages::{INSTRUCTION, Passage, question_with};
pub use store::{LibraryStore, QdrantCollection, StoreFailure};

use crate::api_error::ApiError;
use crate::documents::Reader;
use crate::settings::{LibrarySettings, ModelSettings};
use embed::{Embedder, Purpose};
use ingest::Flights;
use store::Store;

/// Documents that are read at the same time; each may take a processor and half a gigabyte.
const READ_AT_ONCE: usize = 2;

/// The documents, and the means to read more.
#[derive(Debug)]
pub(crate) struct Library {
    reader: Reader,
    embedder: Embedder,
    store: Store,
    flights: Flights,
    permits: Semaphore,
    tasks: TaskTracker,
    passages: usize,
}

impl Library {
    pub(crate) fn open(
        settings: LibrarySettings,
        model: &ModelSettings,
        client: Client,
        tasks: TaskTracker,
    ) -> Result<Self, StoreFailure> {
        let store = Store::open(&settings.store, &settings.embedding_model_id)?;
        Ok(Self {
            reader: Reader::new(settings.documents),
            embedder: Embedder::new(client, model, settings.embedding_model_id),
            store,
            flights: Flights::default(),
            permits: Semaphore::new(READ_AT_ONCE),
            tasks,
            passages: settings.passages.get(),
        })
    }

    /// The passages of these documents that are nearest to the question, the nearest first.
    pub(crate) async fn search(&self, urls: &[Url], question: &str) -> Result<Vec<Passage>, ApiError> {
        let asked = self.embedder.embed(&[question.to_owned()], Purpose::Question).await?;
        let Some(asked) = asked.into_iter().next() else { return Ok(Vec::new()) };
        let urls = urls.iter().map(Url::to_string).collect();
        self.store.nearest(urls, asked, self.passages).await.map_err(|error| ApiError::library(&error))
    }

    /// Whether the store answers.
    pub(crate) async fn check(&self) -> Result<(), StoreFailure> {
        self.store.check().await
    }

    async fn has(&self, url: &Url) -> Result<bool, ApiError> {
        self.store.has(url.as_str()).await.map_err(|error| ApiError::library(&error))
    }
}
