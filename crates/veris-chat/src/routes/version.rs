//! `GET /version`: which bake is running, and whether with the settings of its instance.

use axum::Json;
use axum::extract::State;

use serde::Serialize;

use crate::app::AppState;
use crate::release::Release;

#[derive(Debug, Serialize)]
pub(crate) struct Version {
    #[serde(flatten)]
    release: Release,
    env_file: bool,
}

pub(crate) async fn version(State(state): State<AppState>) -> Json<Version> {
    Json(Version { release: Release::clone(&state.release), env_file: state.has_env_file })
}
