//! The routes and what they share.

use std::sync::Arc;

use aws_sdk_bedrockruntime::Client;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::access::{self, Access};
use crate::api_error::ApiError;
use crate::bedrock::Model;
use crate::library::{Library, LibraryStore, QdrantCollection, StoreFailure};
use crate::metrics;
use crate::observe::observe;
use crate::readiness::Readiness;
use crate::release::Release;
use crate::routes;
use crate::sessions::{SessionStore, Sessions, StoreError, Table};
use crate::settings::{LibrarySettings, ModelSettings, OnDisconnect, SessionSettings, Settings};
use crate::shutdown::Shutdown;

/// Far above the longest message that is accepted.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Twice what the longest context in use can hold; a client of `/v1/` sends the whole conversation each time.
const MAX_CONVERSATION_BYTES: usize = 2 * 1024 * 1024;
/// A bound on what clients that stop and ask again can use up of the quota.
const MAX_DRAINS: usize = 16;

/// Shared by all requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) model: Arc<Model>,
    pub(crate) release: Arc<Release>,
    pub(crate) has_env_file: bool,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) library: Arc<Library>,
    pub(crate) access: Arc<Access>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) permits: Arc<Semaphore>,
    /// Calls to Bedrock that are read to their end although their clients have left.
    pub(crate) drains: Arc<Semaphore>,
    pub(crate) on_disconnect: OnDisconnect,
    /// Answers that are being written; the server waits for them when it stops.
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: Shutdown,
    origins: Arc<[HeaderValue]>,
}

impl AppState {
    /// The state of a server with these settings that asks Bedrock through `client`.
    pub fn new(settings: Settings, client: Client) -> Result<Self, StartError> {
        metrics::start();
        let tasks = TaskTracker::new();
        let library = open_library(&settings.library, &settings.model, &client, &tasks)?;
        Ok(Self {
            sessions: Arc::new(open_sessions(&settings.sessions)?),
            library: Arc::new(library),
            model: Arc::new(Model::new(client, settings.model)),
            release: Arc::new(settings.release),
            has_env_file: settings.has_env_file,
            access: Arc::new(Access::new(settings.access.keys, settings.access.requests_per_minute)),
            readiness: Arc::default(),
            permits: Arc::new(Semaphore::new(settings.max_streams.get())),
            drains: Arc::new(Semaphore::new(MAX_DRAINS)),
            on_disconnect: settings.on_disconnect,
            tasks,
            shutdown: Shutdown::default(),
            origins: settings.access.origins.into(),
        })
    }
}

/// Why the server cannot start although its settings are valid.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store of conversations.
    #[error(transparent)]
    Sessions(#[from] StoreError),
    /// The store of documents.
    #[error(transparent)]
    Library(#[from] StoreFailure),
}

/// A store that nobody asked for by name is not worth a server that does not run.
fn open_sessions(settings: &SessionSettings) -> Result<Sessions, StoreError> {
    let opened = Sessions::open(&settings.store);
    match (&opened, &settings.store) {
        (Err(error @ StoreError::Open { .. }), _) if !settings.required => {
            tracing::warn!("conversations are kept in memory and end with this process: {error}");
            return Sessions::open(&SessionStore::Memory);
        }
        (Ok(_), SessionStore::Memory) => {
            tracing::info!("conversations are kept in memory and end with this process; SESSION_STORE names a file");
        }
        (Ok(_), SessionStore::Sqlite(path)) => {
            tracing::info!(session.store = %path.display(), "conversations are kept in {}", path.display());
        }
        (Ok(_), SessionStore::DynamoDb(table)) => {
            let Table { name, region, .. } = table;
            tracing::info!(session.store = name, "conversations are kept in table {name} of DynamoDB in {region}");
        }
        (Err(_), _) => {}
    }
    opened
}

/// A file that nobody asked for by name is not worth a server that does not run: documents are read again.
fn open_library(
    settings: &LibrarySettings,
    model: &ModelSettings,
    client: &Client,
    tasks: &TaskTracker,
) -> Result<Library, StoreFailure> {
    let open = |settings: LibrarySettings| Library::open(settings, model, client.clone(), tasks.clone());
    let opened = open(settings.clone());
    match (&opened, &settings.store) {
        (_, LibraryStore::Qdrant(QdrantCollection { url, name, api_key })) => {
            tracing::info!(library.store = url, "documents are kept in collection {name} of Qdrant at {url}");
            if api_key.is_some() && url.starts_with("http://") {
                tracing::warn!("QDRANT_API_KEY goes to {url} unencrypted: let QDRANT_URL begin with https://");
            }
        }
        (Err(error), _) => {
            tracing::warn!("documents are kept in memory and end with this process: {error}");
            return open(LibrarySettings { store: LibraryStore::Memory, ..settings.clone() });
        }
        (Ok(_), _) => {}
    }
    opened
}

/// The whole HTTP surface.
pub fn app(state: AppState) -> Router {
    let long_bodies = DefaultBodyLimit::max(MAX_CONVERSATION_BYTES);
    let guarded = Router::new()
        .route("/chat/", post(routes::chat))
        .route("/chat/stream/", post(routes::chat_stream))
        .route("/chat/sessions/{session_id}", delete(routes::delete_session))
        .route("/v1/models", get(routes::models))
        .route("/v1/models/{model}", get(routes::one_model))
        .route("/v1/chat/completions", post(routes::completions).layer(long_bodies))
        .route("/metrics", get(routes::metrics))
        .route_layer(axum::middleware::from_fn_with_state(state.clone(), access::guard));
    let app = Router::new()
        .route("/", get(routes::page))
        .route("/docs", get(routes::docs))
        .route("/openapi.json", get(routes::openapi))
        .route("/health", get(routes::health))
        .route("/ready", get(routes::ready))
        .route("/version", get(routes::version))
        .merge(guarded)
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(|_| -> Response { ApiError::internal().into_response() }));
    let app = if state.origins.is_empty() { app } else { app.layer(cors(&state.origins)) };
    app.layer(axum::middleware::from_fn(observe)).with_state(state)
}

/// Pages of other origins get no answer unless they are named.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}
