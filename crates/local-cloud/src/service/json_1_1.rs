//! What the services that speak JSON 1.1 have in common. Some of them are given secrets.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::Fault;
use crate::ids;
use crate::service::{self, Request, Response};
use crate::wire::{JSON_1_1, Protocol};

/// An operation's answer.
pub(crate) type Answer = Result<Value, Fault>;

/// An error of the reader can quote what it read, so its words are not passed on.
pub(crate) fn input<T: DeserializeOwned>(request: &Request) -> Result<T, Fault> {
    let body: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        // Only names of members stand in these.
        let names_members = ["unknown field", "missing field", "duplicate field"];
        if names_members.iter().any(|known| text.starts_with(known)) {
            return Fault::client("ValidationException", format!("The request's body cannot be understood: {text}"));
        }
        let what = if error.is_data() { "ValidationException" } else { "SerializationException" };
        Fault::client(what, format!("The request's body cannot be understood at column {}", error.column()))
    })
}

pub(crate) fn output(value: &impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(|error| Fault::internal(error.to_string()))
}

pub(crate) fn respond(answer: Answer) -> Response {
    match answer {
        Ok(value) => service::answer(200, JSON_1_1, &ids::uuid(), value.to_string()),
        Err(fault) => Protocol::Json11.fault(&fault),
    }
}
