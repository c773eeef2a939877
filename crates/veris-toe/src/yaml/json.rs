//! The tree as JSON, in which action modules read their inputs.

use serde_json::Value as Json;

use super::{Node, Value};

impl Node {
    /// Every scalar is a text, as it was written; nothing is null.
    pub(crate) fn json(&self) -> Json {
        match &self.value {
            Value::Scalar(_) if self.is_null() => Json::Null,
            Value::Scalar(scalar) => Json::String(scalar.text.clone()),
            Value::Sequence(items) => Json::Array(items.iter().map(Self::json).collect()),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.json())).collect())
            }
        }
    }
}
