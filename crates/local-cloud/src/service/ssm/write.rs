//! Parameters as they are written.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, input, not_found, output};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::Request;
use crate::state::{Parameter, ParameterVersion, State};

/// The size of a value in the standard tier.
const VALUE_LIMIT: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutParameter {
    name: String,
    value: String,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    data_type: Option<String>,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    tier: Option<String>,
}

pub(super) fn put(cloud: &Cloud, request: &Request) -> Answer {
    let asked: PutParameter = input(request)?;
    check(&asked)?;
    let version = cloud.store.change(|state| write(state, &request.region, asked))?;
    output(&json!({"Tier": "Standard", "Version": version}))
}

fn check(asked: &PutParameter) -> Result<(), Fault> {
    let invalid = |message: String| Err(Fault::client("ValidationException", message));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if asked.name.is_empty() || !asked.name.chars().all(is_name) {
        return invalid("Parameter name: can't be empty and may consist of a-z, A-Z, 0-9, _ . - and / only".to_owned());
    }
    if asked.name.contains('/') && !asked.name.starts_with('/') {
        return invalid("Parameter name must be a fully qualified name".to_owned());
    }
    if asked.name.starts_with("/aws/") || asked.name.starts_with("/ssm/") {
        let message = format!("No access to reserved parameter name: {}.", asked.name);
        return Err(Fault::client("AccessDeniedException", message));
    }
    if asked.value.is_empty() || asked.value.len() > VALUE_LIMIT {
        return invalid(format!("A standard parameter's value is from 1 to {VALUE_LIMIT} characters long"));
    }
    if let Some(tier) = asked.tier.as_deref().filter(|tier| *tier != "Standard") {
        return invalid(format!("The local cloud knows the tier Standard only, not {tier}"));
    }
    if let Some(kind) = asked.r#type.as_deref().filter(|kind| !["String", "StringList", "SecureString"].contains(kind))
    {
        return Err(Fault::client("UnsupportedParameterType", format!("The parameter type {kind} is not supported.")));
    }
    if let Some(kind) = asked.data_type.as_deref().filter(|kind| !["text", "aws:ec2:image"].contains(kind)) {
        return invalid(format!("The data type {kind} is not supported"));
    }
    Ok(())
}

/// Answers the new version's number.
fn write(state: &mut State, region: &str, asked: PutParameter) -> Result<usize, Fault> {
    let is_image = asked.data_type.as_deref() == Some("aws:ec2:image");
    if is_image && !state.images(region).contains_key(&asked.value) {
        let message = format!("The image {} does not exist", asked.value);
        return Err(Fault::client("ValidationException", message));
    }
    let version = ParameterVersion { value: asked.value, modified: Timestamp::now() };
    let parameters = state.parameters_mut(region);
    if let Some(parameter) = parameters.get_mut(&asked.name) {
        if !asked.overwrite {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(Fault::client("ParameterAlreadyExists", message));
        }
        parameter.versions.push(version);
        parameter.kind = asked.r#type.unwrap_or_else(|| parameter.kind.clone());
        parameter.description = asked.description.or(parameter.description.take());
        return Ok(parameter.versions.len());
    }
    let kind = asked.r#type.ok_or_else(|| {
        Fault::client("ValidationException", "A parameter type is required when you create a parameter.")
    })?;
    let parameter = Parameter {
        name: asked.name.clone(),
        kind,
        data_type: asked.data_type.unwrap_or_else(|| "text".to_owned()),
        description: asked.description,
        versions: vec![version],
    };
    parameters.insert(asked.name, parameter);
    Ok(1)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteParameter {
    name: String,
}

pub(super) fn delete(cloud: &Cloud, request: &Request) -> Answer {
    let asked: DeleteParameter = input(request)?;
    cloud.store.change(|state| remove(state, &request.region, &asked.name))?;
    output(&json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteParameters {
    names: Vec<String>,
}

pub(super) fn delete_all(cloud: &Cloud, request: &Request) -> Answer {
    let asked: DeleteParameters = input(request)?;
    let (deleted, invalid): (Vec<_>, Vec<_>) = cloud
        .store
        .change(|state| Ok(asked.names.into_iter().partition(|name| remove(state, &request.region, name).is_ok())))?;
    output(&json!({"DeletedParameters": deleted, "InvalidParameters": invalid}))
}

fn remove(state: &mut State, region: &str, name: &str) -> Result<(), Fault> {
    if name.starts_with("/aws/") {
        return Err(Fault::client("AccessDeniedException", format!("No access to reserved parameter name: {name}.")));
    }
    state.parameters_mut(region).remove(name).map(|_| ()).ok_or_else(not_found)
}
