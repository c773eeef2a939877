//! What a server needs to read a document: the document, and vectors for its chunks.

use std::sync::LazyLock;

use axum::Json;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::pdf::pdf;

const PAGES: u32 = 100;
const LINES: u32 = 45;
/// As Cohere's models have them.
const DIMENSIONS: usize = 1_024;

/// Made beforehand: what the clients wait for must be the server's work and not Bedrock's.
static REPORT: LazyLock<Bytes> = LazyLock::new(|| {
    let pages: Vec<String> = (1..=PAGES).map(page).collect();
    pdf(&pages.iter().map(String::as_str).collect::<Vec<_>>()).into()
});

/// Enough different vectors for a search to have something to sort.
static VECTORS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(1);
    let mut vector = || (0..DIMENSIONS).map(|_| random.f32() - 0.5).collect::<Vec<_>>();
    (0..64).map(|_| serde_json::json!(vector()).to_string()).collect()
});

/// The texts to make vectors of.
#[derive(Deserialize)]
pub(crate) struct Texts {
    texts: Vec<String>,
}

/// Makes everything that is only made once.
pub(crate) fn prepare() {
    LazyLock::force(&REPORT);
    LazyLock::force(&VECTORS);
}

/// A report of a hundred full pages.
pub(crate) async fn report() -> Response {
    ([(CONTENT_TYPE, "application/pdf")], REPORT.clone()).into_response()
}

/// The answer of an embedding model. The vectors mean nothing; what they cost is their length.
pub(crate) async fn embeddings(Json(body): Json<Texts>) -> Response {
    let vectors: Vec<&str> = body.texts.iter().map(|text| VECTORS[text.len() % VECTORS.len()].as_str()).collect();
    ([(CONTENT_TYPE, "application/json")], format!(r#"{{"embeddings":[{}]}}"#, vectors.join(","))).into_response()
}

fn page(number: u32) -> String {
    let line = |line| {
        format!("Page {number}, line {line}: the reservoir was {} mm below its mark in that week.", number * line)
    };
    (1..=LINES).map(line).collect::<Vec<_>>().join("\n")
}
