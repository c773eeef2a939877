//! SSM's Parameter Store, in JSON 1.1.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::ids;
use crate::service::{self, Request, Response};
use crate::wire::{JSON_1_1, Protocol};

mod read;
mod write;

/// An operation's answer.
type Answer = Result<Value, Fault>;

pub fn handle(cloud: &Cloud, request: &Request) -> Response {
    let answer = match service::operation(request) {
        Some("DeleteParameter") => write::delete(cloud, request),
        Some("DeleteParameters") => write::delete_all(cloud, request),
        Some("DescribeParameters") => read::describe(cloud, request),
        Some("GetParameter") => read::get(cloud, request),
        Some("GetParameters") => read::get_all(cloud, request),
        Some("GetParametersByPath") => read::get_by_path(cloud, request),
        Some("PutParameter") => write::put(cloud, request),
        _ => Err(Fault::client("UnknownOperationException", "")),
    };
    match answer {
        Ok(value) => service::answer(200, JSON_1_1, &ids::uuid(), value.to_string()),
        Err(fault) => Protocol::Json11.fault(&fault),
    }
}

fn input<T: DeserializeOwned>(request: &Request) -> Result<T, Fault> {
    let body: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_data() { "ValidationException" } else { "SerializationException" };
        Fault::client(what, format!("The request's body cannot be understood: {error}"))
    })
}

fn output(value: &impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(|error| Fault::internal(error.to_string()))
}

fn not_found() -> Fault {
    Fault::client("ParameterNotFound", "")
}
