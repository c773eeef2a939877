//! The map that a condition is written as.

use serde_json::{Map, Value};

use super::comparison::{self, Comparison};
use super::nearest_operator;

pub(super) struct Operands<'a>(&'a Map<String, Value>);

impl<'a> Operands<'a> {
    pub(super) fn of(value: &'a Value, otherwise: &str) -> Result<Self, String> {
        match value {
            Value::Object(entries) if !entries.is_empty() => Ok(Self(entries)),
            _ => Err(otherwise.to_owned()),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// Fails on any key beside those named.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), String> {
        match self.0.keys().find(|key| !names.contains(&key.as_str())) {
            Some(key) => Err(format!("`{key}` has no place beside `{}`", names.join("` and `"))),
            None => Ok(()),
        }
    }

    pub(super) fn comparison(&self) -> Result<Comparison, String> {
        let Some((operator, baseline)) = self.0.iter().find(|(key, _)| comparison::names().any(|name| name == *key))
        else {
            let name = self.0.keys().find(|key| !["value", "path"].contains(&key.as_str()));
            let name = name.map_or("", String::as_str);
            let cure = nearest_operator(name).map(|nearest| format!("; did you mean `{nearest}`?"));
            return Err(format!("there is no operator `{name}`{}", cure.unwrap_or_default()));
        };
        let second = comparison::second_operand(operator);
        let names: Vec<&str> = [operator.as_str()].into_iter().chain(second).collect();
        self.only(&names)?;
        let value = second.map(|name| {
            let value = self.get(name).ok_or_else(|| format!("`{operator}` needs `{name}` beside it"))?;
            scalar(name, value)
        });
        Comparison::new(operator, scalar(operator, baseline)?, value.transpose()?.unwrap_or_default())
    }
}

/// Numbers and truth values are the text they are written as.
fn scalar(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(format!("`{name}` takes a text or a number")),
    }
}
