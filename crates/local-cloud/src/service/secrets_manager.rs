//! Secrets Manager, in JSON 1.1.

use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::json_1_1::{Answer, input, output, respond};
use crate::service::{self, Request, Response};
use crate::state::State;
use crate::state::secrets::Secret;

mod delete;
mod read;
mod write;

pub fn handle(cloud: &Cloud, request: &Request) -> Response {
    respond(match service::operation(request) {
        Some("CreateSecret") => write::create(cloud, request),
        Some("DeleteSecret") => delete::delete(cloud, request),
        Some("DescribeSecret") => read::describe(cloud, request),
        Some("GetSecretValue") => read::value(cloud, request),
        Some("ListSecrets") => read::list(cloud, request),
        Some("PutSecretValue") => write::put(cloud, request),
        Some("RestoreSecret") => delete::restore(cloud, request),
        _ => Err(Fault::client("UnknownOperationException", "")),
    })
}

/// The name under which the secret is kept that a request names: by its name, its ARN, or its ARN without the six characters at the end.
fn key(state: &State, id: &str, region: &str) -> Result<String, Fault> {
    let now = Timestamp::now();
    let is_meant = |secret: &&Secret| {
        let is_named = secret.name == id || secret.arn(region) == id || secret.partial_arn(region) == id;
        is_named && !secret.is_gone(now)
    };
    state.secrets.values().find(is_meant).map(|secret| secret.name.clone()).ok_or_else(not_found)
}

fn find<'a>(state: &'a State, id: &str, region: &str) -> Result<&'a Secret, Fault> {
    state.secrets.get(&key(state, id, region)?).ok_or_else(not_found)
}

fn find_mut<'a>(state: &'a mut State, id: &str, region: &str) -> Result<&'a mut Secret, Fault> {
    let key = key(state, id, region)?;
    state.secrets.get_mut(&key).ok_or_else(not_found)
}

/// What was marked for deletion can be described and restored, and nothing else.
fn refuse_marked(secret: &Secret) -> Result<(), Fault> {
    if secret.deletion.is_none() {
        return Ok(());
    }
    let message = "You can't perform this operation on the secret because it was marked for deletion.";
    Err(Fault::client("InvalidRequestException", message))
}

fn not_found() -> Fault {
    Fault::client("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("InvalidParameterException", message)
}

/// Seconds since 1970 with milliseconds, as JSON 1.1 writes a time.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for some hundred thousand years")]
fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}
