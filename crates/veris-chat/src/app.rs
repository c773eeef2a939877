//! The routes and what they share.

use std::sync::Arc;

use aws_sdk_bedrockruntime::Client;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use tokio::sync::Semaphore;

use crate::api_error::ApiError;
use crate::bedrock::Model;
use crate::release::Release;
use crate::routes;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::shutdown::Shutdown;

/// Far above the longest message that is accepted.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Shared by all requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) model: Arc<Model>,
    pub(crate) release: Arc<Release>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) shutdown: Shutdown,
}

impl AppState {
    /// The state of a server with these settings that asks Bedrock through `client`.
    pub fn new(settings: Settings, client: Client) -> Self {
        Self {
            model: Arc::new(Model::new(client, settings.model)),
            release: Arc::new(settings.release),
            sessions: Arc::default(),
            permits: Arc::new(Semaphore::new(settings.max_streams.get())),
            shutdown: Shutdown::default(),
        }
    }
}

/// The whole HTTP surface.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/health", get(routes::health))
        .route("/version", get(routes::version))
        .route("/chat/", post(routes::chat))
        .route("/chat/stream/", post(routes::chat_stream))
        .route("/chat/sessions/{session_id}", delete(routes::delete_session))
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(state)
}
