//! `GET /ready`: whether chats can be answered, with the cause and the cure when they cannot.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::AppState;

pub(crate) async fn ready(State(state): State<AppState>) -> (StatusCode, Json<Value>) {
    if state.shutdown.is_draining() {
        let body = json!({"status": "stopping", "checks": {}});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body));
    }
    let bedrock = state.readiness.verdict(&state.model).await;
    let sessions = state.sessions.check().await;
    let library = state.library.check().await;
    let status = if bedrock.is_ok() && sessions.is_ok() && library.is_ok() { "ready" } else { "not ready" };
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = json!({
        "bedrock": bedrock.map_or_else(|failure| failure.message, |()| "ok".to_owned()),
        "documents": library.map_or("the store of documents fails: the log of the server says why", |()| "ok"),
        "sessions": sessions.map_or("the session store fails: the log of the server says why", |()| "ok"),
    });
    (code, Json(json!({"status": status, "checks": checks})))
}
