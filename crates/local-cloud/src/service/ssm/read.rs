//! Parameters as they are read.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, input, not_found, output};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::Request;
use crate::state::{ACCOUNT, Parameter, State};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetParameter {
    name: String,
    #[serde(default, rename = "WithDecryption")]
    _with_decryption: bool,
}

pub(super) fn get(cloud: &Cloud, request: &Request) -> Answer {
    let asked: GetParameter = input(request)?;
    let found = cloud.store.read(|state| look_up(state, &asked.name, &request.region))?;
    output(&json!({"Parameter": found}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetParameters {
    names: Vec<String>,
    #[serde(default, rename = "WithDecryption")]
    _with_decryption: bool,
}

pub(super) fn get_all(cloud: &Cloud, request: &Request) -> Answer {
    let asked: GetParameters = input(request)?;
    let look = |name: &String| {
        let found = cloud.store.read(|state| look_up(state, name, &request.region));
        found.map_err(|_| name.clone())
    };
    let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
    for result in asked.names.iter().map(look) {
        match result {
            Ok(found) => parameters.push(found),
            Err(name) => invalid.push(name),
        }
    }
    output(&json!({"InvalidParameters": invalid, "Parameters": parameters}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetParametersByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default, rename = "WithDecryption")]
    _with_decryption: bool,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

pub(super) fn get_by_path(cloud: &Cloud, request: &Request) -> Answer {
    let asked: GetParametersByPath = input(request)?;
    if !asked.path.starts_with('/') {
        let message = "The parameter path must begin with a forward slash";
        return Err(Fault::client("ValidationException", message));
    }
    let prefix = format!("{}/", asked.path.trim_end_matches('/'));
    let found = cloud.store.read(|state| {
        let below = state
            .parameters(&request.region)
            .values()
            .filter_map(|parameter| Some((parameter.name.strip_prefix(&prefix)?, parameter)));
        let chosen = below.filter(|(rest, _)| asked.recursive || !rest.contains('/'));
        chosen.filter_map(|(_, parameter)| ParameterItem::of(parameter, None, &request.region)).collect::<Vec<_>>()
    });
    let (found, next) = page(found, asked.max_results, asked.next_token.as_deref())?;
    output(&listing("Parameters", &found, next))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DescribeParameters {
    #[serde(default)]
    parameter_filters: Vec<ParameterFilter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ParameterFilter {
    key: String,
    #[serde(default)]
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

impl ParameterFilter {
    fn matches(&self, parameter: &Parameter) -> Result<bool, Fault> {
        let text = match self.key.as_str() {
            "Name" => &parameter.name,
            "Type" => &parameter.kind,
            "DataType" => &parameter.data_type,
            other => {
                let message = format!("The local cloud does not filter parameters by {other}");
                return Err(Fault::client("InvalidFilterKey", message));
            }
        };
        let option = self.option.as_deref().unwrap_or("Equals");
        match option {
            "Equals" => Ok(self.values.contains(text)),
            "BeginsWith" => Ok(self.values.iter().any(|value| text.starts_with(value))),
            "Contains" => Ok(self.values.iter().any(|value| text.contains(value))),
            other => Err(Fault::client("InvalidFilterOption", format!("{other} is no filter option"))),
        }
    }
}

pub(super) fn describe(cloud: &Cloud, request: &Request) -> Answer {
    let asked: DescribeParameters = input(request)?;
    let found = cloud.store.read(|state| {
        let mut found = Vec::new();
        for parameter in state.parameters(&request.region).values() {
            let mut matches = true;
            for filter in &asked.parameter_filters {
                matches &= filter.matches(parameter)?;
            }
            found.extend(matches.then(|| description(parameter, &request.region)).flatten());
        }
        Ok(found)
    })?;
    let (found, next) = page(found, asked.max_results, asked.next_token.as_deref())?;
    output(&listing("Parameters", &found, next))
}

fn description(parameter: &Parameter, region: &str) -> Option<serde_json::Value> {
    let newest = parameter.versions.last()?;
    let mut description = json!({
        "ARN": arn(&parameter.name, region),
        "DataType": parameter.data_type,
        "LastModifiedDate": seconds(newest.modified),
        "LastModifiedUser": format!("arn:aws:iam::{ACCOUNT}:user/local"),
        "Name": parameter.name,
        "Policies": [],
        "Tier": "Standard",
        "Type": parameter.kind,
        "Version": parameter.versions.len(),
    });
    if let Some(text) = &parameter.description {
        description["Description"] = json!(text);
    }
    Some(description)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterItem {
    #[serde(rename = "ARN")]
    arn: String,
    data_type: String,
    last_modified_date: f64,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<String>,
    r#type: String,
    value: String,
    version: usize,
}

impl ParameterItem {
    /// One version, or the newest.
    fn of(parameter: &Parameter, version: Option<usize>, region: &str) -> Option<Self> {
        let number = version.unwrap_or(parameter.versions.len());
        let found = parameter.versions.get(number.checked_sub(1)?)?;
        Some(Self {
            arn: arn(&parameter.name, region),
            data_type: parameter.data_type.clone(),
            last_modified_date: seconds(found.modified),
            name: parameter.name.clone(),
            selector: version.map(|version| format!(":{version}")),
            r#type: parameter.kind.clone(),
            value: found.value.clone(),
            version: number,
        })
    }
}

/// `NAME`, or `NAME:VERSION` for an older version.
fn look_up(state: &State, text: &str, region: &str) -> Result<ParameterItem, Fault> {
    let (name, selector) = text.split_once(':').map_or((text, None), |(name, selector)| (name, Some(selector)));
    let parameter = state.parameters(region).get(name).ok_or_else(not_found)?;
    let gone = || {
        let message = format!("Systems Manager could not find version {} of {name}.", selector.unwrap_or_default());
        Fault::client("ParameterVersionNotFound", message)
    };
    let version = selector.map(|selector| selector.parse().map_err(|_| gone())).transpose()?;
    ParameterItem::of(parameter, version, region).ok_or_else(gone)
}

fn arn(name: &str, region: &str) -> String {
    format!("arn:aws:ssm:{region}:{ACCOUNT}:parameter/{}", name.trim_start_matches('/'))
}

/// Seconds since 1970 with milliseconds, as JSON 1.1 writes a time.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for some hundred thousand years")]
fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn page<T>(items: Vec<T>, length: Option<usize>, token: Option<&str>) -> Result<(Vec<T>, Option<String>), Fault> {
    let invalid = |_| Fault::client("InvalidNextToken", "The token is invalid.");
    let from: usize = token.map_or(Ok(0), str::parse).map_err(invalid)?;
    let length = length.unwrap_or(usize::MAX).max(1);
    let end = from.saturating_add(length);
    let next = (end < items.len()).then(|| end.to_string());
    Ok((items.into_iter().skip(from).take(length).collect(), next))
}

fn listing(name: &str, items: &impl Serialize, next: Option<String>) -> serde_json::Value {
    let mut listing = json!({name: items});
    if let Some(next) = next {
        listing["NextToken"] = json!(next);
    }
    listing
}
