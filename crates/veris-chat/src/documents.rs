//! Documents that a conversation is about: fetched, read page by page in a process of their own, and cut into chunks.
//!
//! Whoever chats names the URL, so nothing about it is trusted: `guard.rs` keeps requests away from every network but the public
//! internet, and the parser runs without credentials, environment, network and files, within limits of time and memory.

mod child;
mod chunk;
mod error;
mod fetch;
mod guard;
mod pages;

use std::sync::Arc;

use url::Url;

pub use child::read_pdf;
pub use error::{DocumentError, Problem};

use crate::behind::behind;
use crate::settings::DocumentSettings;
use fetch::Fetcher;

/// A part of a page, short enough for the embedding model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The page it is from, counted from 1.
    pub page: u32,
    /// Its place in the document, counted from 0.
    pub index: u32,
    /// The heading it stands under, where the document tells.
    pub section_header: Option<String>,
    /// Plain text, never blank.
    pub text: String,
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The last part of the URL's path, as citations show it.
    pub filename: String,
    /// In the order of the document.
    pub chunks: Vec<Chunk>,
    /// Pages without text, which are pictures as a rule.
    pub blank_pages: u32,
}

/// A page as the parser found it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Page {
    number: u32,
    text: String,
}

/// Reads documents. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    settings: Arc<DocumentSettings>,
    fetcher: Fetcher,
}

impl Reader {
    /// A reader within these limits.
    pub fn new(settings: DocumentSettings) -> Self {
        Self { fetcher: Fetcher::new(&settings), settings: Arc::new(settings) }
    }

    /// Fetches a PDF and cuts it into chunks. Dropping the future kills the process that reads it.
    pub async fn read(&self, url: &Url) -> Result<Document, DocumentError> {
        let told = |problem| DocumentError::new(url, problem);
        let (fetcher, target) = (self.fetcher.clone(), url.clone());
        let answer = tokio::task::spawn_blocking(move || fetcher.fetch(&target)).await;
        let pdf = answer.map_err(|_| told(Problem::Internal("the fetch was given up")))?.map_err(told)?;
        let pages = pages::read(&self.settings, pdf).await.map_err(told)?;
        let blank = pages.iter().filter(|page| page.text.trim().is_empty()).count();
        // Other answers go on meanwhile.
        let split = behind(move || chunk::split(&pages)).await;
        let chunks = split.ok_or_else(|| told(Problem::Internal("the text was not cut into chunks")))?;
        if chunks.is_empty() {
            return Err(told(Problem::NoText));
        }
        Ok(Document { filename: filename(url), chunks, blank_pages: u32::try_from(blank).unwrap_or(u32::MAX) })
    }
}

/// `report.pdf` of `https://example.org/a/report.pdf?token=…`; the host where the path has no last part.
pub(crate) fn filename(url: &Url) -> String {
    let last = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let decoded = percent_decoded(last);
    let name: String = decoded.chars().filter(|c| !chunk::is_hidden(*c) && !"[]()`<>\\".contains(*c)).collect();
    if name.trim().is_empty() { url.host_str().unwrap_or("document").to_owned() } else { name.trim().to_owned() }
}

fn percent_decoded(text: &str) -> String {
    // A form's decoder takes a plus for a space, which a path does not.
    let plus = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("n={plus}").as_bytes())
        .next()
        .map(|(_, name)| name.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_called_by_the_last_part_of_its_path() {
        for (url, name) in [
            ("https://example.org/a/report.pdf?X-Amz-Signature=1", "report.pdf"),
            ("https://example.org/annual%20report+2.pdf", "annual report+2.pdf"),
            ("https://example.org/%5Bx%5D%28y%29.pdf", "xy.pdf"),
            ("https://example.org/", "example.org"),
        ] {
            assert_eq!(filename(&Url::parse(url).unwrap()), name);
        }
    }
}
