//! Which documents are read, and how long that may take.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use ipnet::IpNet;

use super::SettingsError;
use crate::config_file::{ConfigFile, DocumentsInFile};
use crate::library::{LibraryStore, QdrantCollection};
use crate::variables::{self, Variables};

/// What today's documents are embedded with; direct ids of this family are not denied.
const DEFAULT_EMBEDDING_MODEL_ID: &str = "cohere.embed-english-v3";
const DEFAULT_PASSAGES: NonZeroUsize = NonZeroUsize::new(8).unwrap();
const DEFAULT_COLLECTION: &str = "veris-chat";
const REST_PORT: u16 = 6333;
const GRPC_PORT: u16 = 6334;

/// Documents, their vectors, and what of them the model is shown.
#[derive(Debug, Clone)]
pub struct LibrarySettings {
    /// Which documents are read.
    pub documents: DocumentSettings,
    /// Model that turns texts into vectors.
    pub embedding_model_id: String,
    /// Passages that a question is answered from.
    pub passages: NonZeroUsize,
    /// Where documents are kept.
    pub store: LibraryStore,
}

impl LibrarySettings {
    /// In Qdrant where it is named; else beside the conversations, in the folder that systemd provides; else in memory.
    pub(super) fn new(
        config: &ConfigFile,
        variables: &Variables,
        state_directory: Option<&str>,
    ) -> Result<Self, SettingsError> {
        let model_id = variables.get(variables::EMBEDDING_MODEL_ID).map(|variable| variable.value.clone());
        let store = match (qdrant(variables)?, state_directory) {
            (Some(collection), _) => LibraryStore::Qdrant(collection),
            (None, Some(directory)) => LibraryStore::File(Path::new(directory).join("documents.db")),
            (None, None) => LibraryStore::Memory,
        };
        Ok(Self {
            documents: DocumentSettings::from(config),
            embedding_model_id: model_id
                .or(config.documents.embedding_model_id.clone())
                .unwrap_or_else(|| DEFAULT_EMBEDDING_MODEL_ID.to_owned()),
            passages: config.documents.passages.unwrap_or(DEFAULT_PASSAGES),
            store,
        })
    }
}

/// URLs of today name Qdrant's REST interface; its gRPC interface is the same host's next port.
fn qdrant(variables: &Variables) -> Result<Option<QdrantCollection>, SettingsError> {
    let Some(variable) = variables.get(variables::QDRANT_URL) else { return Ok(None) };
    // Who writes a key into the URL does not want to read it in a log.
    let refused = || SettingsError::Secret {
        name: variable.name,
        origin: variable.origin.to_string(),
        expected: "a URL such as https://qdrant.example.org:6333, without path and password",
    };
    let uri: Uri = variable.value.parse().map_err(|_| refused())?;
    let (Some(scheme @ ("http" | "https")), Some(host), "" | "/", None) =
        (uri.scheme_str(), uri.host(), uri.path(), uri.query())
    else {
        return Err(refused());
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(refused());
    }
    let port = uri.port_u16().map_or(GRPC_PORT, |port| if port == REST_PORT { GRPC_PORT } else { port });
    let name = variables.get(variables::QDRANT_COLLECTION).map_or(DEFAULT_COLLECTION, |variable| &variable.value);
    let api_key = variables.get(variables::QDRANT_API_KEY).map(|variable| variable.value.clone().into());
    Ok(Some(QdrantCollection { url: format!("{scheme}://{host}:{port}"), api_key, name: name.to_owned() }))
}

/// Which documents are read, and how long that may take.
#[derive(Debug, Clone)]
pub struct DocumentSettings {
    /// Whether documents may come by plain HTTP, too.
    pub allow_http: bool,
    /// Ports besides the schemes' own.
    pub allow_ports: Vec<u16>,
    /// Networks besides the public internet, such as an intranet with documents.
    pub allow_networks: Vec<IpNet>,
    /// The largest document, in millions of bytes.
    pub max_megabytes: u64,
    /// How long fetching a document may take, redirects included.
    pub fetch: Duration,
    /// How much processor time reading a document may take.
    pub parse: Duration,
    /// The program that is run with `--read-pdf`: this one.
    pub parser: PathBuf,
}

impl From<&ConfigFile> for DocumentSettings {
    fn from(config: &ConfigFile) -> Self {
        let DocumentsInFile { allow_http, allow_ports, allow_networks, .. } = &config.documents;
        let or = |given: Option<NonZeroU32>, default: u64| given.map_or(default, |given| given.get().into());
        Self {
            allow_http: *allow_http,
            allow_ports: allow_ports.clone(),
            allow_networks: allow_networks.clone(),
            max_megabytes: or(config.documents.max_megabytes, 50),
            fetch: Duration::from_secs(or(config.documents.fetch_seconds, 60)),
            parse: Duration::from_secs(or(config.documents.parse_seconds, 20)),
            // A program that was replaced while it runs is still the one that runs.
            parser: PathBuf::from("/proc/self/exe"),
        }
    }
}
