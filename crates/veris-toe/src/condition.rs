//! Conditions: the comparison and logical operators of `if` and of the `Assert` action.
//!
//! Choices where AWSTOE's guide is unclear or silent: comparisons of text ignore case, all of them, so that
//! exactly one of less, equal and greater holds; the second operand is what is asked about (`stringLessThan: b` with
//! `value: a` asks whether a is less than b); a file that does not exist has no checksum, so the comparison is false.

mod comparison;
mod operands;

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde_json::Value;

pub use self::comparison::Comparison;
use self::operands::Operands;
use crate::suggest::nearest;

/// The guide's limit for `and`, `or` and `not` in each other.
const MAX_LEVELS: usize = 4;
const LOGICAL: [&str; 3] = ["and", "or", "not"];

/// One operator with its operands.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Comparison),
}

/// Why a condition is neither true nor false.
#[derive(Debug, thiserror::Error)]
pub enum ConditionError {
    #[error("cannot read {} to compare its checksum", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot ask bash whether there is a program `{name}`")]
    Bash { name: String, source: io::Error },
    #[error("{0}")]
    Operand(String),
}

impl Condition {
    /// Reads a map such as `{stringEquals: '{{ Name }}', value: chat}`. What depends on the values of references is
    /// looked at only once these were replaced, by reading the condition again.
    pub fn parse(value: &Value) -> Result<Self, String> {
        Self::at_level(value, 0)
    }

    /// `and` and `or` stop at the first operand that decides.
    pub fn evaluate(&self) -> Result<bool, ConditionError> {
        match self {
            Self::And(conditions) => {
                for condition in conditions {
                    if !condition.evaluate()? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(conditions) => {
                for condition in conditions {
                    if condition.evaluate()? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.evaluate()?),
            Self::Compare(comparison) => comparison.evaluate(),
        }
    }

    fn at_level(value: &Value, level: usize) -> Result<Self, String> {
        let operands = Operands::of(value, "a condition is one operator with its operands, such as `fileExists: /x`")?;
        let Some(logical) = LOGICAL.into_iter().find(|name| operands.get(name).is_some()) else {
            return operands.comparison().map(Self::Compare);
        };
        operands.only(&[logical])?;
        if level == MAX_LEVELS {
            return Err(format!("`{logical}` lies more than {MAX_LEVELS} levels deep"));
        }
        let inner = |value: &Value| Self::at_level(value, level + 1);
        match (logical, operands.get(logical)) {
            ("not", Some(Value::Array(conditions))) => match conditions.as_slice() {
                [condition] => Ok(Self::Not(Box::new(inner(condition)?))),
                _ => Err(format!("`not` takes one condition, not {}", conditions.len())),
            },
            ("not", Some(condition)) => Ok(Self::Not(Box::new(inner(condition)?))),
            (_, Some(Value::Array(conditions))) if !conditions.is_empty() => {
                let conditions = conditions.iter().map(inner).collect::<Result<_, _>>()?;
                Ok(if logical == "and" { Self::And(conditions) } else { Self::Or(conditions) })
            }
            _ => Err(format!("`{logical}` takes a list of conditions; begin each with `- `")),
        }
    }
}

/// As YAML in one line.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, conditions) = match self {
            Self::Compare(comparison) => return comparison.fmt(f),
            Self::Not(condition) => return write!(f, "not: {{{condition}}}"),
            Self::And(conditions) => ("and", conditions),
            Self::Or(conditions) => ("or", conditions),
        };
        let conditions: Vec<String> = conditions.iter().map(|condition| format!("{{{condition}}}")).collect();
        write!(f, "{name}: [{}]", conditions.join(", "))
    }
}

/// For the cure of an unknown operator.
fn nearest_operator(name: &str) -> Option<&'static str> {
    nearest(name, LOGICAL.into_iter().chain(comparison::names()))
}

#[cfg(test)]
mod tests;
