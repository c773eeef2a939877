//! Placeholder: helper ib.
use std::sync::Arc;

use crate::Cloud;
use crate::service::{Request, Response, json};

#[expect(clippy::unused_async, reason = "placeholder")]
pub async fn handle(cloud: &Arc<Cloud>, request: Request) -> Response {
    let _ = (cloud, request);
    json(501, &serde_json::json!({"message": "not built yet"}))
}
