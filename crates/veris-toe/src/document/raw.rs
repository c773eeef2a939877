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
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawParameter {
    #[serde(rename = "type")]
    pub(super) _kind: VariableType,
    pub(super) default: Option<String>,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) allowed_values: Vec<String>,
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
    pub(super) inputs: Option<Value>,
    #[serde(default)]
    pub(super) disable_logging: bool,
    pub(super) r#loop: Option<Value>,
    pub(super) r#if: Option<Value>,
}

/// Inputs as JSON, in which all modules read them; what YAML has and JSON has not is refused.
pub(super) fn json(value: &Value) -> Result<serde_json::Value, String> {
    match value {
        Value::Null => Ok(serde_json::Value::Null),
        Value::Bool(truth) => Ok(serde_json::Value::Bool(*truth)),
        Value::Number(number) => {
            serde_json::to_value(number).map_err(|_| format!("the number {number} has no meaning here"))
        }
        Value::String(text) => Ok(serde_json::Value::String(text.clone())),
        Value::Sequence(items) => items.iter().map(json).collect::<Result<_, _>>().map(serde_json::Value::Array),
        Value::Mapping(entries) => {
            let entries = entries.iter().map(|(key, entry)| match key.as_str() {
                Some(key) => Ok((key.to_owned(), json(entry)?)),
                None => Err("a key is not a string; quote it".to_owned()),
            });
            entries.collect::<Result<_, _>>().map(serde_json::Value::Object)
        }
        Value::Tagged(tagged) => Err(format!("the YAML tag `{}` has no meaning here", tagged.tag)),
    }
}
