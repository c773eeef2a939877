//! A request to Image Builder: its members, its client token, and the change of the state it asks for.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::validate;
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::Request;
use crate::state::State;
use crate::state::image_builder::Token;

/// One request and the cloud it is sent to.
pub(super) struct Call<'a> {
    pub cloud: &'a Arc<Cloud>,
    pub request: &'a Request,
}

impl Call<'_> {
    pub(super) fn region(&self) -> &str {
        &self.request.region
    }

    /// A member of the query string that must be there.
    pub(super) fn query(&self, name: &str) -> Result<&str, Fault> {
        let found = self.request.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| missing(name))
    }

    /// The body of a request that changes nothing; no body is an empty one.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        parse(Value::Object(self.members()?))
    }

    /// The body of a request that changes something.
    pub(super) fn mutation(&self, operation: &'static str) -> Result<Mutation, Fault> {
        let mut members = self.members()?;
        let token = match members.remove("clientToken") {
            Some(Value::String(token)) => token,
            Some(_) => return Err(validate::refused("clientToken", "'clientToken' must be a string")),
            None => return Err(missing("clientToken")),
        };
        validate::length("clientToken", &token, 64)?;
        let dry_run = match members.remove("dryRun") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => return Err(validate::refused("dryRun", "'dryRun' must be true or false")),
        };
        let digest = hex::encode(Sha256::digest(canonical(Value::Object(members.clone())).to_string()));
        Ok(Mutation { operation, token, dry_run, members, digest })
    }

    fn members(&self) -> Result<Map<String, Value>, Fault> {
        if self.request.body.is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(&self.request.body).map_err(|error| {
            Fault::client("InvalidRequestException", format!("The request's body is not JSON: {error}"))
        })
    }
}

/// A request that changes something, and must do so once only.
pub(super) struct Mutation {
    operation: &'static str,
    token: String,
    dry_run: bool,
    members: Map<String, Value>,
    digest: String,
}

/// What came of a [`Mutation`].
pub(super) struct Applied {
    pub answer: Value,
    /// Whether an earlier request with the same client token made the change.
    pub repeated: bool,
}

impl Mutation {
    /// The members other than client token and dry run.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        parse(Value::Object(self.members.clone()))
    }

    /// Removes one member, so that [`Mutation::parse`] reads the others.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Fault> {
        self.members.remove(name).filter(|value| !value.is_null()).map(parse).transpose()
    }

    /// Makes the change, unless the client token was used before: then the answer is the first one, provided that the request
    /// is the same. A dry run stops before anything has changed.
    pub(super) fn apply(
        self,
        call: &Call,
        change: impl FnOnce(&mut State) -> Result<Value, Fault>,
    ) -> Result<Applied, Fault> {
        let key = format!("{} {} {}", call.region(), self.operation, self.token);
        call.cloud.store.change(|state| {
            if let Some(known) = state.image_builder.tokens.get(&key) {
                return self.repeat(known);
            }
            let mut answer = change(state)?;
            if self.dry_run {
                let message = "The dry run operation of the resource was successful, and no resources or mutations were \
                               actually performed due to the dry run flag in the request.";
                return Err(Fault::new(412, "DryRunOperationException", message));
            }
            if let Value::Object(members) = &mut answer {
                members.insert("clientToken".to_owned(), json!(self.token));
            }
            let token = Token { request: self.digest, answer: answer.clone() };
            state.image_builder.tokens.insert(key, token);
            Ok(Applied { answer, repeated: false })
        })
    }

    fn repeat(&self, known: &Token) -> Result<Applied, Fault> {
        if known.request == self.digest {
            return Ok(Applied { answer: known.answer.clone(), repeated: true });
        }
        let message = format!(
            "The client token '{}' was used before for {} with other parameter values. Use a new token for a new request.",
            self.token, self.operation
        );
        Err(Fault::client("IdempotentParameterMismatchException", message))
    }
}

fn missing(name: &str) -> Fault {
    validate::refused(name, &format!("'{name}' must not be null"))
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|error| {
        let message = format!("The request is malformed, or asks for something the local cloud does not do: {error}");
        Fault::client("InvalidRequestException", message)
    })
}

/// The same value whatever the order of its members.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted: std::collections::BTreeMap<_, _> =
                members.into_iter().map(|(name, value)| (name, canonical(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        other => other,
    }
}
