//! `GET /version`: which bake is running.

use axum::Json;
use axum::extract::State;

use crate::app::AppState;
use crate::release::Release;

pub(crate) async fn version(State(state): State<AppState>) -> Json<Release> {
    Json(Release::clone(&state.release))
}
