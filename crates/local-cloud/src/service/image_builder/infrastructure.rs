//! Infrastructure configurations: what build and test instances look like.

use serde_json::{Value, json};

use super::arn::{Arn, Kind, Precision};
use super::call::Call;
use super::lists::{Entry, ListRequest, record_value, summary};
use super::validate::{self, refused};
use crate::bake;
use crate::fault::Fault;
use crate::state::image_builder::{Infrastructure, InfrastructureSettings, S3Logs};
use crate::state::{State, Tags};

/// The one instance profile of the local cloud.
const INSTANCE_PROFILE: &str = "local-instance-profile";
const PARAMETER: &str = "infrastructureConfigurationArn";

pub(super) fn create(call: &Call) -> Result<Value, Fault> {
    let mut mutation = call.mutation("CreateInfrastructureConfiguration")?;
    let name: String = mutation.take("name")?.ok_or_else(|| refused("name", "'name' must not be null"))?;
    let tags: Tags = mutation.take("tags")?.unwrap_or_default();
    let settings: InfrastructureSettings = mutation.parse()?;
    validate::resource_name(&name)?;
    validate::tags("tags", &tags, 50)?;
    check(&settings)?;
    let arn = Arn::ours(call.region(), Kind::InfrastructureConfiguration, &name);
    let applied = mutation.apply(call, |state| {
        let key = arn.to_string();
        if state.image_builder.infrastructure.contains_key(&key) {
            return Err(arn.exists());
        }
        let record =
            Infrastructure { arn: key.clone(), name, date_created: bake::now(), date_updated: None, tags, settings };
        state.image_builder.infrastructure.insert(key.clone(), record);
        Ok(json!({"infrastructureConfigurationArn": key}))
    })?;
    Ok(applied.answer)
}

fn check(settings: &InfrastructureSettings) -> Result<(), Fault> {
    validate::text("description", settings.description.as_deref())?;
    validate::text("subnetId", settings.subnet_id.as_deref())?;
    validate::text("keyPair", settings.key_pair.as_deref())?;
    validate::tags("resourceTags", &settings.resource_tags, 30)?;
    if settings.instance_profile_name != INSTANCE_PROFILE {
        let why = format!(
            "The provided instance profile does not exist. Please specify a different instance profile and try again. \
             The local cloud has one: {INSTANCE_PROFILE}"
        );
        return Err(refused("instanceProfileName", &why));
    }
    if settings.subnet_id.is_some() && settings.security_group_ids.is_empty() {
        return Err(refused("securityGroupIds", "With 'subnetId', one or more security groups must be given"));
    }
    if let Some(logs) = settings.logging.as_ref().and_then(|logging| logging.s3_logs.as_ref()) {
        check_logs(logs)?;
    }
    if let Some(options) = &settings.instance_metadata_options {
        if !matches!(options.http_tokens.as_deref(), None | Some("required" | "optional")) {
            return Err(refused("httpTokens", "'httpTokens' must match pattern optional|required"));
        }
        if options.http_put_response_hop_limit.is_some_and(|limit| !(1..=64).contains(&limit)) {
            return Err(refused("httpPutResponseHopLimit", "'httpPutResponseHopLimit' must be between 1 and 64"));
        }
    }
    Ok(())
}

fn check_logs(logs: &S3Logs) -> Result<(), Fault> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if let Some(bucket) = &logs.s3_bucket_name {
        let shaped = bucket.starts_with(letters) && bucket.chars().all(|c| letters(c) || c == '-' || c == '.');
        if !shaped || !(3..=63).contains(&bucket.len()) {
            return Err(refused("s3BucketName", &format!("'{bucket}' is not the name of a bucket")));
        }
    }
    if let Some(prefix) = &logs.s3_key_prefix {
        validate::length("s3KeyPrefix", prefix, 1024)?;
        if prefix.starts_with('/') || prefix.split('/').any(|part| part == "..") || prefix.contains('\0') {
            return Err(refused("s3KeyPrefix", &format!("'{prefix}' cannot be the beginning of a key")));
        }
    }
    Ok(())
}

pub(super) fn get(call: &Call) -> Result<Value, Fault> {
    let arn = expect(call.query(PARAMETER)?)?;
    call.cloud.store.read(|state| Ok(json!({"infrastructureConfiguration": record_value(find(&arn, state)?)})))
}

/// The infrastructure configuration of this name.
pub(super) fn find<'a>(arn: &Arn, state: &'a State) -> Result<&'a Infrastructure, Fault> {
    state.image_builder.infrastructure.get(&arn.to_string()).ok_or_else(|| arn.not_found())
}

/// Replaces every setting: what the request leaves out is unset afterwards.
pub(super) fn update(call: &Call) -> Result<Value, Fault> {
    let mut mutation = call.mutation("UpdateInfrastructureConfiguration")?;
    let arn: String = mutation.take(PARAMETER)?.unwrap_or_default();
    let arn = expect(&arn)?;
    let settings: InfrastructureSettings = mutation.parse()?;
    check(&settings)?;
    let applied = mutation.apply(call, |state| {
        let key = arn.to_string();
        let record = state.image_builder.infrastructure.get_mut(&key).ok_or_else(|| arn.not_found())?;
        record.settings = settings;
        record.date_updated = Some(bake::now());
        Ok(json!({"infrastructureConfigurationArn": key}))
    })?;
    Ok(applied.answer)
}

pub(super) fn list(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let hidden = [
        "securityGroupIds",
        "subnetId",
        "logging",
        "keyPair",
        "terminateInstanceOnFailure",
        "terminateInstanceOnCompletion",
        "instanceMetadataOptions",
    ];
    let entries = call.cloud.store.read(|state| {
        let records = state.image_builder.infrastructure.values();
        records
            .filter(|record| Arn::parse(&record.arn).is_some_and(|arn| arn.region == call.region()))
            .map(|record| Entry { key: record.arn.clone(), summary: summary(record, &hidden) })
            .collect()
    });
    request.page("infrastructureConfigurationSummaryList", &["name"], entries)
}

pub(super) fn delete(call: &Call) -> Result<Value, Fault> {
    let arn = expect(call.query(PARAMETER)?)?;
    call.cloud.store.change(|state| {
        find(&arn, state)?;
        let key = arn.to_string();
        let builds = state.image_builder.images.values().filter(|build| !build.image.state.status.is_final());
        let users: Vec<&str> = builds
            .filter(|build| build.image.infrastructure_configuration.arn == key)
            .map(|build| build.image.arn.as_str())
            .collect();
        if !users.is_empty() {
            return Err(arn.depended_on(&users));
        }
        state.image_builder.infrastructure.remove(&key);
        Ok(json!({"infrastructureConfigurationArn": key}))
    })
}

/// Reads the name of an infrastructure configuration.
pub(super) fn expect(arn: &str) -> Result<Arn, Fault> {
    Arn::expect(PARAMETER, arn, Kind::InfrastructureConfiguration, Precision::Unversioned)
}
