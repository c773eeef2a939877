//! Secrets as they are written.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, find_mut, input, invalid, output, refuse_marked};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::ids;
use crate::service::Request;
use crate::state::secrets::{Secret, SecretValue, SecretVersion};
use crate::state::{State, Tags};

/// Bytes of a secret.
const LIMIT: usize = 65_536;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateSecret {
    name: String,
    client_request_token: Option<String>,
    description: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

pub(super) fn create(cloud: &Cloud, request: &Request) -> Answer {
    let asked: CreateSecret = input(request)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-!".contains(c);
    if asked.name.is_empty() || asked.name.len() > 512 || !asked.name.chars().all(is_name) {
        let message =
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
        return Err(Fault::client("ValidationException", message));
    }
    let value = value_of(asked.secret_string, asked.secret_binary)?;
    let version = value.map(|value| version(value, asked.client_request_token));
    let tags = asked.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let secret = cloud.store.change(|state| make(state, (asked.name, asked.description, tags), version))?;
    let mut answer = json!({"ARN": secret.arn(&request.region), "Name": secret.name});
    if let Some(version) = &secret.current {
        answer["VersionId"] = json!(version.id);
    }
    output(&answer)
}

fn make(
    state: &mut State,
    (name, description, tags): (String, Option<String>, Tags),
    version: Option<SecretVersion>,
) -> Result<Secret, Fault> {
    let now = Timestamp::now();
    state.secrets.retain(|_, secret| !secret.is_gone(now));
    if let Some(there) = state.secrets.get(&name) {
        if there.deletion.is_some() {
            let message =
                "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return Err(Fault::client("InvalidRequestException", message));
        }
        // The same request, sent once more because its answer was lost.
        let is_again = version.is_some() && is_same(there.current.as_ref(), version.as_ref());
        if is_again {
            return Ok(there.clone());
        }
        let message = format!("The operation failed because the secret {name} already exists.");
        return Err(Fault::client("ResourceExistsException", message));
    }
    let suffix = hex::encode(rand::random::<[u8; 3]>());
    let secret = Secret {
        name: name.clone(),
        suffix,
        description,
        created: now,
        changed: now,
        deletion: None,
        tags,
        current: version,
        previous: None,
    };
    state.secrets.insert(name, secret.clone());
    Ok(secret)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutSecretValue {
    secret_id: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

pub(super) fn put(cloud: &Cloud, request: &Request) -> Answer {
    let asked: PutSecretValue = input(request)?;
    let value = value_of(asked.secret_string, asked.secret_binary)?;
    let value = value.ok_or_else(|| invalid("You must provide either SecretString or SecretBinary."))?;
    let version = version(value, asked.client_request_token);
    let answer = cloud.store.change(|state| {
        let secret = find_mut(state, &asked.secret_id, &request.region)?;
        refuse_marked(secret)?;
        let label = replace(secret, version)?;
        let id = secret.versions().find(|(there, _)| *there == label).map(|(_, version)| version.id.clone());
        Ok(json!({
            "ARN": secret.arn(&request.region),
            "Name": secret.name,
            "VersionId": id,
            "VersionStages": [label],
        }))
    })?;
    output(&answer)
}

/// Makes it the current version, unless a request with the same token has done so before; answers its label.
fn replace(secret: &mut Secret, version: SecretVersion) -> Result<&'static str, Fault> {
    if let Some((label, there)) = secret.versions().find(|(_, there)| there.id == version.id) {
        if there.value == version.value {
            return Ok(label);
        }
        let message = format!(
            "You can't use ClientRequestToken {} because that value is already in use for a version of secret {}.",
            version.id, secret.name
        );
        return Err(Fault::client("ResourceExistsException", message));
    }
    secret.changed = version.created;
    if let Some(current) = secret.current.replace(version) {
        secret.previous = Some(current);
    }
    Ok("AWSCURRENT")
}

fn is_same(one: Option<&SecretVersion>, other: Option<&SecretVersion>) -> bool {
    let asked = |version: &SecretVersion| (version.id.clone(), version.value.clone());
    one.map(asked) == other.map(asked)
}

fn version(value: SecretValue, token: Option<String>) -> SecretVersion {
    SecretVersion { id: token.unwrap_or_else(ids::uuid), value, created: Timestamp::now() }
}

fn value_of(text: Option<String>, binary: Option<String>) -> Result<Option<SecretValue>, Fault> {
    let value = match (text, binary) {
        (None, None) => return Ok(None),
        (Some(text), None) => SecretValue::Text(text),
        (None, Some(bytes)) => SecretValue::Binary(bytes),
        (Some(_), Some(_)) => {
            return Err(invalid(
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            ));
        }
    };
    let length = match &value {
        SecretValue::Text(text) => text.len(),
        SecretValue::Binary(bytes) => bytes.trim_end_matches('=').len() / 4 * 3,
    };
    if length > LIMIT {
        let message = format!("A secret's value is at most {LIMIT} bytes long");
        return Err(Fault::client("ValidationException", message));
    }
    Ok(Some(value))
}
