//! `Assert`.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::Value;

use super::{ActionError, Module, Outputs, StepContext};
use crate::condition::Condition;

/// Its inputs are one condition.
pub(super) struct Assert(Condition);

impl<'de> Deserialize<'de> for Assert {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let inputs = Value::deserialize(deserializer)?;
        Condition::parse(&inputs).map(Self).map_err(D::Error::custom)
    }
}

impl Module for Assert {
    fn run(&self, _: &StepContext<'_>) -> Result<Outputs, ActionError> {
        if !self.0.evaluate()? {
            return Err(ActionError::Assertion { condition: self.0.to_string() });
        }
        Ok(Outputs::new())
    }
}
