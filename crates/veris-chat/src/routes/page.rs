//! `GET /`: a page to chat with, whole in one document.

use std::sync::OnceLock;

use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

static PAGE: Document = Document::new(include_str!("../../page/index.html"));

pub(crate) async fn page() -> impl IntoResponse {
    PAGE.response()
}

/// A document with one script and one style of its own, and nothing from elsewhere.
#[derive(Debug)]
pub(super) struct Document {
    text: &'static str,
    policy: OnceLock<String>,
}

impl Document {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, policy: OnceLock::new() }
    }

    /// Only the document's own script and style may run, and only this server may be asked.
    pub(super) fn response(&'static self) -> impl IntoResponse {
        let policy = self.policy.get_or_init(|| {
            format!(
                "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; \
                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                self.hash_of("<script>", "</script>"),
                self.hash_of("<style>", "</style>"),
            )
        });
        let headers: [(HeaderName, &str); 5] = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, policy),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (CACHE_CONTROL, "no-cache"),
        ];
        (headers, self.text)
    }

    fn hash_of(&self, open: &str, close: &str) -> String {
        let inside = self.text.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(inside.map_or("", |(inside, _)| inside))))
    }
}
