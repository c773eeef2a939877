//! An input that is more than text, such as permissions: checked when the document is read where it is written out,
//! and once its references have values where it is not.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use super::ActionError;
use crate::expression::Template;

#[derive(Debug, Clone)]
pub(super) enum Setting<T> {
    Known(T),
    /// Text whose references have no value yet.
    Open(String),
}

impl<T: Clone> Setting<T> {
    pub(super) fn get(&self) -> Result<T, ActionError> {
        match self {
            Self::Known(value) => Ok(value.clone()),
            Self::Open(text) => Err(ActionError::OpenReference { text: text.clone() }),
        }
    }
}

impl<T> From<T> for Setting<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Documents write `755` and `true` without quotes; the language takes both for text.
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Bool(truth) => truth.to_string(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(D::Error::custom("expected a text, a number, true or false")),
        };
        if Template::parse(&text).references().next().is_some() {
            return Ok(Self::Open(text));
        }
        text.parse().map(Self::Known).map_err(D::Error::custom)
    }
}
