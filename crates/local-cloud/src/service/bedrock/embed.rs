//! Vectors of texts in the shapes of Cohere's embedding models. They are no model's, but texts that share words lie near each
//! other, so that a search finds the passage that a question is about.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fault::Fault;

const DIMENSIONS: usize = 1_024;
const MOST_TEXTS: usize = 96;
const LONGEST_TEXT: usize = 2_048;
/// Articles and the like say little about what a text is about.
const SHORT_WORD: usize = 3;

/// What of a request means something here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    texts: Vec<String>,
    #[serde(rename = "input_type")]
    purpose: String,
    #[serde(default)]
    truncate: Option<String>,
    #[serde(default)]
    embedding_types: Option<Vec<String>>,
    #[serde(default)]
    output_dimension: Option<usize>,
}

/// The answer of `InvokeModel`.
pub(super) fn invoke(body: &[u8]) -> Result<Value, Fault> {
    let invalid = |message: String| Fault::client("ValidationException", message);
    let input: Input =
        serde_json::from_slice(body).map_err(|error| invalid(format!("Malformed input request: {error}")))?;
    if input.texts.is_empty() || input.texts.len() > MOST_TEXTS {
        return Err(invalid(format!(
            "Malformed input request: expected 1 to {MOST_TEXTS} texts, found {}",
            input.texts.len()
        )));
    }
    if input.texts.iter().any(|text| text.chars().count() > LONGEST_TEXT) {
        return Err(invalid(format!("Malformed input request: expected maxLength: {LONGEST_TEXT}")));
    }
    if !["search_document", "search_query", "classification", "clustering"].contains(&input.purpose.as_str()) {
        return Err(invalid(format!("Malformed input request: {} is not a valid input_type", input.purpose)));
    }
    if input.truncate.as_deref().is_some_and(|truncate| !["NONE", "START", "END"].contains(&truncate)) {
        return Err(invalid("Malformed input request: truncate is NONE, START or END".to_owned()));
    }
    if input.output_dimension.is_some_and(|dimension| dimension != DIMENSIONS) {
        return Err(invalid(format!("The local cloud's embeddings have {DIMENSIONS} dimensions")));
    }
    let vectors: Vec<Vec<f32>> = input.texts.iter().map(|text| vector(text)).collect();
    let embeddings = if input.embedding_types.is_some() { json!({"float": vectors}) } else { json!(vectors) };
    let response_type = if input.embedding_types.is_some() { "embeddings_by_type" } else { "embeddings_floats" };
    Ok(
        json!({"id": crate::ids::uuid(), "embeddings": embeddings, "response_type": response_type, "texts": input.texts}),
    )
}

/// Each word adds to one dimension, chosen by its letters.
fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let digest = Sha256::digest(word);
        let place = usize::from(u16::from_be_bytes([digest[0], digest[1]])) % DIMENSIONS;
        vector[place] += if word.chars().count() <= SHORT_WORD { 0.2 } else { 1.0 };
    }
    let length = vector.iter().map(|part: &f32| part * part).sum::<f32>().sqrt();
    if length > 0.0 {
        for part in &mut vector {
            *part /= length;
        }
    }
    vector
}
