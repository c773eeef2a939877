//! Distribution configurations: name and tags of the AMI, and the parameters that point at it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{Arn, Kind, Precision};
use super::call::Call;
use super::lists::{Entry, ListRequest, record_value, summary};
use super::validate::{self, refused};
use crate::bake;
use crate::fault::Fault;
use crate::state::image_builder::{Distribution, DistributionConfiguration, SsmParameter};
use crate::state::{State, Tags};

const PARAMETER: &str = "distributionConfigurationArn";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    description: Option<String>,
    distributions: Vec<Distribution>,
    #[serde(default)]
    tags: Tags,
}

pub(super) fn create(call: &Call) -> Result<Value, Fault> {
    let mutation = call.mutation("CreateDistributionConfiguration")?;
    let wanted: Create = mutation.parse()?;
    validate::resource_name(&wanted.name)?;
    validate::tags("tags", &wanted.tags, 50)?;
    check(call.region(), wanted.description.as_deref(), &wanted.distributions)?;
    let arn = Arn::ours(call.region(), Kind::DistributionConfiguration, &wanted.name);
    let applied = mutation.apply(call, |state| {
        let key = arn.to_string();
        if state.image_builder.distributions.contains_key(&key) {
            return Err(arn.exists());
        }
        let record = DistributionConfiguration {
            arn: key.clone(),
            name: wanted.name,
            description: wanted.description,
            distributions: wanted.distributions,
            timeout_minutes: 720,
            date_created: bake::now(),
            date_updated: None,
            tags: wanted.tags,
        };
        state.image_builder.distributions.insert(key.clone(), record);
        Ok(json!({"distributionConfigurationArn": key}))
    })?;
    Ok(applied.answer)
}

fn check(region: &str, description: Option<&str>, distributions: &[Distribution]) -> Result<(), Fault> {
    validate::text("description", description)?;
    let [distribution] = distributions else {
        let why = "The local cloud distributes to one region: give one distribution, for the region of the request";
        return Err(refused("distributions", why));
    };
    if distribution.region != region {
        let why = format!("The local cloud distributes to the region of the request only, which is {region}");
        return Err(refused("distributions[0].region", &why));
    }
    if let Some(ami) = &distribution.ami_distribution_configuration {
        if let Some(name) = &ami.name {
            validate::ami_name("amiDistributionConfiguration.name", name)?;
        }
        validate::text("amiDistributionConfiguration.description", ami.description.as_deref())?;
        validate::tags("amiDistributionConfiguration.amiTags", &ami.ami_tags, 50)?;
    }
    distribution.ssm_parameter_configurations.iter().try_for_each(check_parameter)
}

fn check_parameter(parameter: &SsmParameter) -> Result<(), Fault> {
    let name = parameter.parameter_name.as_str();
    validate::length("parameterName", name, 1011)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c)) {
        return Err(refused("parameterName", "'parameterName' must match pattern ^[a-zA-Z0-9_.\\-\\/]+$"));
    }
    match parameter.data_type.as_deref() {
        None | Some("text" | "aws:ec2:image") => Ok(()),
        Some(other) => Err(refused("dataType", &format!("'{other}' is neither text nor aws:ec2:image"))),
    }
}

pub(super) fn get(call: &Call) -> Result<Value, Fault> {
    let arn = expect(call.query(PARAMETER)?)?;
    call.cloud.store.read(|state| Ok(json!({"distributionConfiguration": record_value(find(&arn, state)?)})))
}

/// The distribution configuration of this name.
pub(super) fn find<'a>(arn: &Arn, state: &'a State) -> Result<&'a DistributionConfiguration, Fault> {
    state.image_builder.distributions.get(&arn.to_string()).ok_or_else(|| arn.not_found())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Update {
    distribution_configuration_arn: String,
    description: Option<String>,
    distributions: Vec<Distribution>,
}

pub(super) fn update(call: &Call) -> Result<Value, Fault> {
    let mutation = call.mutation("UpdateDistributionConfiguration")?;
    let wanted: Update = mutation.parse()?;
    let arn = expect(&wanted.distribution_configuration_arn)?;
    check(call.region(), wanted.description.as_deref(), &wanted.distributions)?;
    let applied = mutation.apply(call, |state| {
        let key = arn.to_string();
        let record = state.image_builder.distributions.get_mut(&key).ok_or_else(|| arn.not_found())?;
        record.description = wanted.description;
        record.distributions = wanted.distributions;
        record.date_updated = Some(bake::now());
        Ok(json!({"distributionConfigurationArn": key}))
    })?;
    Ok(applied.answer)
}

pub(super) fn list(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let entries = call.cloud.store.read(|state| {
        let records = state.image_builder.distributions.values();
        records
            .filter(|record| Arn::parse(&record.arn).is_some_and(|arn| arn.region == call.region()))
            .map(|record| {
                let mut summary = summary(record, &["distributions", "timeoutMinutes"]);
                summary["regions"] = record.distributions.iter().map(|one| json!(one.region)).collect();
                Entry { key: record.arn.clone(), summary }
            })
            .collect()
    });
    request.page("distributionConfigurationSummaryList", &["name"], entries)
}

pub(super) fn delete(call: &Call) -> Result<Value, Fault> {
    let arn = expect(call.query(PARAMETER)?)?;
    call.cloud.store.change(|state| {
        find(&arn, state)?;
        let key = arn.to_string();
        let builds = state.image_builder.images.values().filter(|build| !build.image.state.status.is_final());
        let users: Vec<&str> = builds
            .filter(|build| build.image.distribution_configuration.as_ref().is_some_and(|used| used.arn == key))
            .map(|build| build.image.arn.as_str())
            .collect();
        if !users.is_empty() {
            return Err(arn.depended_on(&users));
        }
        state.image_builder.distributions.remove(&key);
        Ok(json!({"distributionConfigurationArn": key}))
    })
}

/// Reads the name of a distribution configuration.
pub(super) fn expect(arn: &str) -> Result<Arn, Fault> {
    Arn::expect(PARAMETER, arn, Kind::DistributionConfiguration, Precision::Unversioned)
}
