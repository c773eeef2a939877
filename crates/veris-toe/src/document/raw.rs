//! The YAML as it stands, key by key; a key that is not listed here is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml::Value;

use super::OnFailure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawDocument {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) schema_version: Value,
    #[serde(default)]
    pub(super) parameters: Vec<BTreeMap<String, RawParameter>>,
    #[serde(default)]
    pub(super) constants: Vec<BTreeMap<String, RawConstant>>,
    pub(super) phases: Vec<RawPhase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParameter {
    #[serde(rename = "type")]
    pub(super) _kind: VariableType,
    pub(super) default: Option<String>,
    pub(super) description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConstant {
    #[serde(rename = "type")]
    pub(super) _kind: VariableType,
    pub(super) value: String,
}

/// The language knows strings only.
#[derive(Deserialize)]
pub(super) enum VariableType {
    #[serde(rename = "string")]
    String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPhase {
    pub(super) name: String,
    pub(super) steps: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawStep {
    pub(super) name: String,
    pub(super) action: String,
    pub(super) timeout_seconds: Option<i64>,
    #[serde(default)]
    pub(super) on_failure: OnFailure,
    pub(super) max_attempts: Option<i64>,
    pub(super) inputs: Value,
    pub(super) r#loop: Option<Value>,
    pub(super) r#if: Option<Value>,
}
