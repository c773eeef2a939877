//! The tree as JSON, in which action modules read their inputs.

use serde_json::Value as Json;

use super::{Node, Value};

impl Node<'_> {
    /// Every scalar is a text, as it was written; nothing is null.
    pub fn json(&self) -> Json {
        match &self.value {
            Value::Scalar(_) if self.is_null() => Json::Null,
            Value::Scalar(scalar) => Json::String(scalar.text.to_string()),
            Value::Sequence(items) => Json::Array(items.iter().map(Node::json).collect()),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.to_string(), entry.value.json())).collect())
            }
        }
    }
}
