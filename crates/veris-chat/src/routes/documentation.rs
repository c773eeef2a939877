//! `GET /openapi.json` and `GET /docs`: the interface, for tools and for people.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::page::Document;

const OPENAPI: &str = include_str!("../../page/openapi.json");
static DOCS: Document = Document::new(include_str!("../../page/docs.html"));

pub(crate) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}

pub(crate) async fn docs() -> impl IntoResponse {
    DOCS.response()
}
