//! Secrets as they are read.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, find, input, invalid, output, refuse_marked, seconds};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::Request;
use crate::state::secrets::{Secret, SecretValue, SecretVersion};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

pub(super) fn value(cloud: &Cloud, request: &Request) -> Answer {
    let asked: GetSecretValue = input(request)?;
    let (id, stage) = (asked.version_id.as_deref(), asked.version_stage.as_deref());
    cloud.store.read(|state| {
        let secret = find(state, &asked.secret_id, &request.region)?;
        refuse_marked(secret)?;
        let (label, version) = choose(secret, id, stage)?;
        let mut answer = json!({
            "ARN": secret.arn(&request.region),
            "CreatedDate": seconds(version.created),
            "Name": secret.name,
            "VersionId": version.id,
            "VersionStages": [label],
        });
        match &version.value {
            SecretValue::Text(text) => answer["SecretString"] = json!(text),
            SecretValue::Binary(bytes) => answer["SecretBinary"] = json!(bytes),
        }
        output(&answer)
    })
}

/// `AWSCURRENT` where a request names neither.
fn choose<'a>(
    secret: &'a Secret,
    id: Option<&str>,
    stage: Option<&str>,
) -> Result<(&'static str, &'a SecretVersion), Fault> {
    let missing = |what: String| {
        let message = format!("Secrets Manager can't find the specified secret value for {what}");
        Fault::client("ResourceNotFoundException", message)
    };
    let Some(id) = id else {
        let stage = stage.unwrap_or("AWSCURRENT");
        let found = secret.versions().find(|(label, _)| *label == stage);
        return found.ok_or_else(|| missing(format!("staging label: {stage}")));
    };
    let found = secret.versions().find(|(_, version)| version.id == id);
    let (label, version) = found.ok_or_else(|| missing(format!("VersionId: {id}")))?;
    if stage.is_some_and(|stage| stage != label) {
        let message = "You provided a VersionStage that is not associated to the provided VersionId.";
        return Err(Fault::client("InvalidRequestException", message));
    }
    Ok((label, version))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DescribeSecret {
    secret_id: String,
}

pub(super) fn describe(cloud: &Cloud, request: &Request) -> Answer {
    let asked: DescribeSecret = input(request)?;
    cloud.store.read(|state| {
        let secret = find(state, &asked.secret_id, &request.region)?;
        output(&description(secret, &request.region, "VersionIdsToStages"))
    })
}

/// `versions` is what the versions are called: the two operations that describe secrets differ in it.
fn description(secret: &Secret, region: &str, versions: &str) -> Value {
    let labels: serde_json::Map<_, _> =
        secret.versions().map(|(label, version)| (version.id.clone(), json!([label]))).collect();
    let tags: Vec<_> = secret.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let mut description = json!({
        "ARN": secret.arn(region),
        "CreatedDate": seconds(secret.created),
        "LastChangedDate": seconds(secret.changed),
        "Name": secret.name,
        "Tags": tags,
    });
    if !labels.is_empty() {
        description[versions] = Value::Object(labels);
    }
    if let Some(text) = &secret.description {
        description["Description"] = json!(text);
    }
    if let Some(due) = secret.deletion {
        description["DeletedDate"] = json!(seconds(due));
    }
    description
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListSecrets {
    #[serde(default)]
    include_planned_deletion: bool,
    #[serde(default)]
    filters: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    key: String,
    values: Vec<String>,
}

pub(super) fn list(cloud: &Cloud, request: &Request) -> Answer {
    let asked: ListSecrets = input(request)?;
    if let Some(other) = asked.filters.iter().find(|filter| filter.key != "name") {
        return Err(invalid(format!("The local cloud filters secrets by name, not by {}", other.key)));
    }
    let bad_token = |_| Fault::client("InvalidNextTokenException", "The NextToken is invalid.");
    let from: usize = asked.next_token.as_deref().map_or(Ok(0), str::parse).map_err(bad_token)?;
    let length = asked.max_results.unwrap_or(usize::MAX).max(1);
    let now = Timestamp::now();
    let is_listed = |secret: &&Secret| {
        let is_wanted = secret.deletion.is_none() || asked.include_planned_deletion;
        let is_named = |filter: &Filter| filter.values.iter().any(|value| secret.name.starts_with(value));
        is_wanted && !secret.is_gone(now) && asked.filters.iter().all(is_named)
    };
    let mut found: Vec<_> = cloud.store.read(|state| {
        let listed = state.secrets.values().filter(is_listed).skip(from).take(length.saturating_add(1));
        listed.map(|secret| description(secret, &request.region, "SecretVersionsToStages")).collect()
    });
    let has_more = found.len() > length;
    found.truncate(length);
    let mut answer = json!({"SecretList": found});
    if has_more {
        answer["NextToken"] = json!((from + length).to_string());
    }
    output(&answer)
}
