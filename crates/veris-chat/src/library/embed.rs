//! Texts as vectors, by Cohere's models through Bedrock.

use std::sync::Arc;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::primitives::Blob;
use serde::Deserialize;
use serde_json::json;

use crate::bedrock::{Failure, FailureKind};
use crate::behind::behind;
use crate::settings::ModelSettings;

/// Bedrock takes 96 in one call. The answer of so many, over a megabyte, held up streams on the same processor: with 16 texts a call,
/// documents move their 99th percentile by 1.8 ms instead of 4.6 ms, and take a quarter longer (medians of four runs in turns of
/// `benches/chat/measure.py --only documents`).
pub(super) const TEXTS_AT_ONCE: usize = 16;
/// Nor longer ones, in characters.
const LONGEST_TEXT: usize = 2_048;
pub(super) const DIMENSIONS: usize = 1_024;

/// What a text is for: both sides of a search have vectors of their own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Document,
    Question,
}

#[derive(Debug)]
pub(super) struct Embedder {
    client: Client,
    /// Of the embedding model, for the words of a failure.
    settings: Arc<ModelSettings>,
}

#[derive(Deserialize)]
struct Answer<T> {
    embeddings: T,
}

/// Where the model was asked for types.
#[derive(Deserialize)]
struct ByType {
    float: Vec<Vec<f32>>,
}

impl Embedder {
    pub(super) fn new(client: Client, model: &ModelSettings, model_id: String) -> Self {
        Self { client, settings: Arc::new(ModelSettings { model_id, ..model.clone() }) }
    }

    /// One vector of length one for each text; at most [`TEXTS_AT_ONCE`].
    pub(super) async fn embed(&self, texts: &[String], purpose: Purpose) -> Result<Vec<Vec<f32>>, Failure> {
        let texts: Vec<&str> = texts.iter().map(|text| beginning(text)).collect();
        let input_type = match purpose {
            Purpose::Document => "search_document",
            Purpose::Question => "search_query",
        };
        let mut body = json!({"texts": texts, "input_type": input_type, "truncate": "END"});
        if self.settings.model_id.contains("embed-v4") {
            body["embedding_types"] = json!(["float"]);
            body["output_dimension"] = json!(DIMENSIONS);
        }
        let call = self.client.invoke_model().model_id(&self.settings.model_id);
        let call = call.content_type("application/json").accept("application/json");
        let answer = call.body(Blob::new(body.to_string())).send().await;
        let answer = answer.map_err(|error| self.failure(Failure::of_call(&error, &self.settings)))?;
        let unfit = |why: String| Failure::new(FailureKind::ModelFailed, &self.settings, why);
        // The megabyte of numbers of a document takes longer than other answers should wait.
        let decoded = match purpose {
            Purpose::Document => behind(move || decode(answer.body.as_ref())).await,
            Purpose::Question => Some(decode(answer.body.as_ref())),
        };
        let decoded = decoded.ok_or_else(|| unfit("the answer was not read to its end".to_owned()))?;
        let vectors = decoded.map_err(|error| unfit(format!("no embeddings: {error}")))?;
        if vectors.len() != texts.len() || vectors.iter().any(|vector| vector.len() != DIMENSIONS) {
            return Err(unfit(format!("{} vectors for {} texts, or not of {DIMENSIONS}", vectors.len(), texts.len())));
        }
        Ok(vectors)
    }
}

impl Embedder {
    /// The chat's own words would name the chat's own setting.
    fn failure(&self, mut failure: Failure) -> Failure {
        tracing::warn!(failure.kind = ?failure.kind, failure.detail, "texts were not embedded: {}", failure.message);
        let ModelSettings { model_id, region, .. } = &*self.settings;
        let refused = match failure.kind {
            FailureKind::PolicyDenied => "the organisation's policy denies",
            FailureKind::AccessDenied => "the instance role may not call",
            FailureKind::ModelConfiguration => "Bedrock does not know",
            _ => return failure,
        };
        failure.message = format!(
            "{refused} the embedding model `{model_id}` in {region}, so documents cannot be searched: allow \
             bedrock:InvokeModel on it, or set EMBEDDING_MODEL_ID, for example to `us.cohere.embed-v4:0`"
        );
        failure
    }
}

/// Of length one.
fn decode(answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>> {
    let plain = serde_json::from_slice(answer).map(|Answer { embeddings }| embeddings);
    let vectors: Vec<Vec<f32>> =
        plain.or_else(|_| serde_json::from_slice(answer).map(|Answer { embeddings: ByType { float } }| float))?;
    Ok(vectors.into_iter().map(normalized).collect())
}

/// Then the product of two vectors is their likeness.
fn normalized(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    if length > 0.0 {
        for part in &mut vector {
            *part /= length;
        }
    }
    vector
}

fn beginning(text: &str) -> &str {
    text.char_indices().nth(LONGEST_TEXT).map_or(text, |(end, _)| &text[..end])
}
