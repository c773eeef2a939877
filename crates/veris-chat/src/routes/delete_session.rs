//! `DELETE /chat/sessions/{session_id}`: forgets a conversation; forgetting an unknown one succeeds as well.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Value, json};

use crate::access::Owner;
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::sessions::SessionKey;

pub(crate) async fn delete_session(
    State(state): State<AppState>,
    Extension(owner): Extension<Owner>,
    Path(session_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let key = SessionKey::new(&owner.0, &session_id);
    let deleted = state.sessions.forget(&key).await.map_err(|error| ApiError::session_store(&error))?;
    Ok(Json(json!({"session_id": session_id, "deleted": deleted})))
}
