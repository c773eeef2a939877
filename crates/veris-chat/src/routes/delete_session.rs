//! `DELETE /chat/sessions/{session_id}`: forgets a conversation; forgetting an unknown one succeeds as well.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::app::AppState;

pub(crate) async fn delete_session(State(state): State<AppState>, Path(session_id): Path<String>) -> Json<Value> {
    let deleted = state.sessions.remove(&session_id);
    Json(json!({"session_id": session_id, "deleted": deleted}))
}
