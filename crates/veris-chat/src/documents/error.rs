//! Why a document cannot be read.

use axum::http::StatusCode;
use url::Url;

/// Why a document cannot be read. Names neither addresses nor what its server answered: whoever chats must not learn about
/// networks that only this server can see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{document}` cannot be read: {problem}")]
pub struct DocumentError {
    /// Its URL without the query, which may be a key to it.
    document: String,
    problem: Problem,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The URL itself.
    #[error("{0}")]
    Url(&'static str),
    /// It leads to a network that is not public.
    #[error("its host is not on the public internet: send a URL that anybody can open")]
    NotPublic,
    /// No such host.
    #[error("its host is unknown: check the URL")]
    UnknownHost,
    /// No connection, or one that broke off.
    #[error("its server does not answer: check the URL, or try again later")]
    Unreachable,
    /// An answer that is no document.
    #[error("its server answers {0} instead of a document: check the URL, and whether it needs a login")]
    Status(u16),
    /// Redirected again and again.
    #[error("its server redirects more than {0} times: send the URL that it leads to in the end")]
    Redirects(usize),
    /// Larger than is allowed.
    #[error("it has more than {0} MB: send a smaller file")]
    TooLarge(u64),
    /// Slower than is allowed.
    #[error("it was not there after {0} s: try again later, or send a smaller file")]
    TooSlow(u64),
    /// A page of HTML.
    #[error("it is a web page: send the URL of the PDF itself")]
    Html,
    /// Neither PDF nor HTML.
    #[error("it is no PDF: only PDFs are read")]
    NotPdf,
    /// Opens with a password only.
    #[error("it is encrypted: send a copy without a password")]
    Encrypted,
    /// More pages than are read.
    #[error("it has {pages} pages, and at most {limit} are read: send the part that matters")]
    TooManyPages {
        /// What it has.
        pages: usize,
        /// What is read.
        limit: usize,
    },
    /// The parser does not understand it.
    #[error("it is damaged: open it and save it anew")]
    Damaged,
    /// The parser needed more time or memory than it may have.
    #[error("reading it takes more than {0}: open it and save it anew, or send a smaller file")]
    TooHard(&'static str),
    /// Pictures of text.
    #[error("it has no text, only pictures: send a copy that went through character recognition")]
    NoText,
    /// A fault of the server.
    #[error("the server failed ({0}): report it with the time, and try again")]
    Internal(&'static str),
}

impl DocumentError {
    pub(super) fn new(url: &Url, problem: Problem) -> Self {
        Self { document: shown(url), problem }
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.problem {
            Problem::Url(_) | Problem::NotPublic => StatusCode::BAD_REQUEST,
            Problem::UnknownHost | Problem::Unreachable | Problem::Status(_) | Problem::Redirects(_) => {
                StatusCode::BAD_GATEWAY
            }
            Problem::TooSlow(_) => StatusCode::GATEWAY_TIMEOUT,
            Problem::TooLarge(_) | Problem::TooManyPages { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Problem::Html
            | Problem::NotPdf
            | Problem::Encrypted
            | Problem::Damaged
            | Problem::TooHard(_)
            | Problem::NoText => StatusCode::UNPROCESSABLE_ENTITY,
            Problem::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self.problem {
            Problem::Url(_) => "document_url_invalid",
            Problem::NotPublic => "document_not_public",
            Problem::UnknownHost | Problem::Unreachable | Problem::Status(_) | Problem::Redirects(_) => {
                "document_unreachable"
            }
            Problem::TooSlow(_) => "document_too_slow",
            Problem::TooLarge(_) | Problem::TooManyPages { .. } => "document_too_large",
            Problem::Html | Problem::NotPdf => "document_not_pdf",
            Problem::Encrypted => "document_encrypted",
            Problem::Damaged | Problem::TooHard(_) => "document_unreadable",
            Problem::NoText => "document_without_text",
            Problem::Internal(_) => "internal_error",
        }
    }
}

/// Scheme, host and path.
pub(crate) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Neither can fail on a URL with a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}
