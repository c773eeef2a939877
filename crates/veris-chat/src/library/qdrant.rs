//! Chunks and their vectors in a collection of Qdrant, for machines that share them.
//!
//! Qdrant has no transactions. A document counts as there when its first chunk is, and that one is written last. Ids depend on
//! nothing but URL, model and place, so whoever writes a document again, or at the same time, writes the same points.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, DeletePointsBuilder,
    Distance, FieldType, Filter, GetPointsBuilder, PointStruct, QueryPointsBuilder, Range, ScoredPoint,
    UpsertPointsBuilder, VectorParamsBuilder,
};
use qdrant_client::{Payload, QdrantError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::embed::DIMENSIONS;
use super::passages::{Passage, chunk_id};
use super::store::{Entry, QdrantCollection, StoreFailure};
use crate::documents::Chunk;

/// A vector and its text are at most 12 kB.
const POINTS_AT_ONCE: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What calls filter by. Qdrant Cloud refuses filters on fields without an index.
const INDEXES: [(&str, FieldType); 3] =
    [("url", FieldType::Keyword), ("embedding_model", FieldType::Keyword), ("chunk_index", FieldType::Integer)];

pub(super) struct Qdrant {
    client: qdrant_client::Qdrant,
    url: String,
    collection: String,
    embedding_model: Arc<str>,
    /// The collection was seen or made, with its indexes, and no call has failed since.
    prepared: AtomicBool,
}

/// What a point carries besides its vector.
#[derive(Debug, Serialize, Deserialize)]
struct Carried {
    url: String,
    filename: String,
    page_number: u32,
    chunk_id: String,
    chunk_index: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    section_header: Option<String>,
    text: String,
    embedding_model: String,
}

impl Qdrant {
    /// Connects when it is first asked, so that the server starts, and says what is wrong, while Qdrant is away.
    pub(super) fn new(collection: &QdrantCollection, embedding_model: &str) -> Result<Self, StoreFailure> {
        let QdrantCollection { url, api_key, name } = collection;
        // The check of versions would print to standard output.
        let client = qdrant_client::Qdrant::from_url(url)
            .api_key(api_key.as_ref().map(SecretString::expose_secret))
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .skip_compatibility_check()
            .build()
            .map_err(|error| failure(url, name, "connect", &error))?;
        Ok(Self {
            client,
            url: url.clone(),
            collection: name.clone(),
            embedding_model: embedding_model.into(),
            prepared: AtomicBool::new(false),
        })
    }

    pub(super) async fn has(&self, url: &str) -> Result<bool, StoreFailure> {
        self.prepare().await?;
        let first = chunk_id(url, &self.embedding_model, 0);
        let found = self.client.get_points(GetPointsBuilder::new(&self.collection, [first.into()])).await;
        Ok(!found.map_err(|error| self.failed("look a document up", &error))?.result.is_empty())
    }

    pub(super) async fn put(&self, entry: Entry) -> Result<(), StoreFailure> {
        self.prepare().await?;
        let Entry { url, filename, chunks, vectors } = entry;
        let after = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        let points = chunks.into_iter().zip(vectors).map(|(chunk, vector)| self.point(&url, &filename, chunk, vector));
        let points = points.collect::<Result<Vec<_>, _>>().map_err(|error| self.failed("write a document", &error))?;
        let Some((first, rest)) = points.split_first() else { return Ok(()) };
        for batch in rest.chunks(POINTS_AT_ONCE) {
            self.upsert(batch.to_vec()).await?;
        }
        // A reading that was cut short may have left chunks of a longer version of the document.
        let left_over = Filter::must([
            Condition::matches("url", url.clone()),
            Condition::matches("embedding_model", self.embedding_model.to_string()),
            Condition::range("chunk_index", Range { gte: Some(f64::from(after)), ..Range::default() }),
        ]);
        let delete = DeletePointsBuilder::new(&self.collection).points(left_over).wait(true);
        self.client.delete_points(delete).await.map_err(|error| self.failed("write a document", &error))?;
        self.upsert(vec![first.clone()]).await
    }

    pub(super) async fn nearest(
        &self,
        urls: Vec<String>,
        vector: Vec<f32>,
        most: usize,
    ) -> Result<Vec<Passage>, StoreFailure> {
        self.prepare().await?;
        let about = Filter::must([
            Condition::matches("url", urls),
            Condition::matches("embedding_model", self.embedding_model.to_string()),
        ]);
        let query =
            QueryPointsBuilder::new(&self.collection).query(vector).filter(about).limit(most as u64).with_payload(true);
        let found = self.client.query(query).await.map_err(|error| self.failed("search", &error))?;
        let passages = found.result.into_iter().map(passage).collect::<Result<_, _>>();
        passages.map_err(|error| self.failed("search", &error))
    }

    pub(super) async fn check(&self) -> Result<(), StoreFailure> {
        self.prepare().await?;
        let count = CountPointsBuilder::new(&self.collection).exact(false);
        self.client.count(count).await.map(drop).map_err(|error| self.failed("count", &error))
    }

    async fn prepare(&self) -> Result<(), StoreFailure> {
        if !self.prepared.load(Ordering::Relaxed) {
            let made = self.make_collection().await;
            made.map_err(|error| self.failed("find or make what is needed", &error))?;
            self.prepared.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Also completes a collection whose making was cut short, and takes one over that another machine has just made.
    async fn make_collection(&self) -> Result<(), QdrantError> {
        if !self.client.collection_exists(&self.collection).await? {
            let vectors = VectorParamsBuilder::new(DIMENSIONS as u64, Distance::Cosine);
            let collection = CreateCollectionBuilder::new(&self.collection).vectors_config(vectors);
            let made = self.client.create_collection(collection).await;
            if made.is_err() && !self.client.collection_exists(&self.collection).await? {
                made?;
            }
        }
        for (field, kind) in INDEXES {
            let index = CreateFieldIndexCollectionBuilder::new(&self.collection, field, kind).wait(true);
            self.client.create_field_index(index).await?;
        }
        Ok(())
    }

    fn point(&self, url: &str, filename: &str, chunk: Chunk, vector: Vec<f32>) -> Result<PointStruct, QdrantError> {
        let id = chunk_id(url, &self.embedding_model, chunk.index);
        let carried = Carried {
            url: url.to_owned(),
            filename: filename.to_owned(),
            page_number: chunk.page,
            chunk_id: id.clone(),
            chunk_index: chunk.index,
            section_header: chunk.section_header,
            text: chunk.text,
            embedding_model: self.embedding_model.to_string(),
        };
        Ok(PointStruct::new(id, vector, Payload::try_from(json!(carried))?))
    }

    async fn upsert(&self, points: Vec<PointStruct>) -> Result<(), StoreFailure> {
        let upsert = UpsertPointsBuilder::new(&self.collection, points).wait(true);
        self.client.upsert_points(upsert).await.map(drop).map_err(|error| self.failed("write a document", &error))
    }

    fn failed(&self, attempt: &'static str, error: &QdrantError) -> StoreFailure {
        // The collection may have been removed.
        self.prepared.store(false, Ordering::Relaxed);
        failure(&self.url, &self.collection, attempt, error)
    }
}

impl fmt::Debug for Qdrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client would show its key.
        f.debug_struct("Qdrant").field("url", &self.url).field("collection", &self.collection).finish_non_exhaustive()
    }
}

fn passage(point: ScoredPoint) -> Result<Passage, QdrantError> {
    let Carried { url, filename, page_number, chunk_id, section_header, text, .. } =
        Payload::from(point.payload).deserialize()?;
    Ok(Passage { url, filename, page: page_number, chunk_id, section_header, text })
}

/// Its status and its words, without the headers of its answer.
fn failure(url: &str, collection: &str, attempt: &'static str, error: &QdrantError) -> StoreFailure {
    let detail = match error {
        QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => {
            format!("{}: {}", status.code(), status.message())
        }
        other => other.to_string(),
    };
    StoreFailure::Qdrant { url: url.to_owned(), collection: collection.to_owned(), attempt, detail }
}
