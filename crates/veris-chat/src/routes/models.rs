//! `GET /v1/models`: the one model, under its own name and under one that stays when the model is replaced.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::app::AppState;

/// What clients can write into their settings for good.
const ALIAS: &str = "veris-chat";

pub(super) fn names(state: &AppState) -> [&str; 2] {
    [ALIAS, state.model.id()]
}

pub(crate) async fn models(State(state): State<AppState>) -> Json<Value> {
    Json(json!({"object": "list", "data": names(&state).map(model)}))
}

pub(crate) async fn one_model(
    State(state): State<AppState>,
    Path(asked): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let names = names(&state);
    match names.iter().find(|name| **name == asked) {
        Some(name) => Ok(Json(model(name))),
        None => Err(ApiError::model_not_found(&names)),
    }
}

/// Bedrock does not say when a model was made.
fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": 0, "owned_by": "bedrock"})
}
