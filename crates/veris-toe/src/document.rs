//! A component document: what [`parse`] makes of its YAML. A [`Document`] that exists can be run by this version.

mod defects;
mod error;
mod fields;
mod flow;
mod inputs;
mod parse;
mod phases;
mod references;

use std::num::{NonZeroI64, NonZeroU32};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use error::{Location, ParseError, Problem};
pub use parse::parse;
pub(crate) use parse::{Parsed, read};
pub(crate) use references::each as each_reference;

use crate::action::ActionName;

/// Longer texts are refused before they reach the YAML parser. Ten thousand steps have 2 MiB.
pub const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What messages call the document: the name given to [`parse`], usually its file.
    pub label: String,
    /// The `name` key.
    pub name: Option<String>,
    pub description: Option<String>,
    pub parameters: Vec<Parameter>,
    pub constants: Vec<Constant>,
    /// In document order, which is the order they run in.
    pub phases: Vec<Phase>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub name: String,
    /// Without one the caller has to give a value.
    pub default: Option<String>,
    pub description: Option<String>,
    /// When there are any, the value has to be one of them.
    pub allowed_values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub name: String,
    pub action: ActionName,
    /// Of one attempt; `None` is the language's `-1`.
    pub timeout: Option<Duration>,
    pub on_failure: OnFailure,
    pub max_attempts: NonZeroU32,
    pub r#if: Option<If>,
    pub r#loop: Option<Loop>,
    /// Whether the step's output is kept out of every log.
    pub disable_logging: bool,
    /// Checked against the action, but with its references still in it.
    pub inputs: Value,
}

/// Whether a step is executed; decided once, before its first attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct If {
    /// One comparison or logical operator with its operands, as a map; its references are still in it.
    pub test: Value,
    /// What happens when the test holds; `Execute` where the document says nothing.
    pub then: Branch,
    /// What happens when it does not; `Skip` where the document says nothing.
    pub r#else: Branch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Branch {
    Execute,
    /// The step counts as a success.
    Skip,
    Abort,
}

/// How often a step is repeated within one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// Gives the step `{{ name.index }}` and `{{ name.value }}` beside `{{ loop.index }}` and `{{ loop.value }}`.
    pub name: Option<String>,
    pub over: Over,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// `for`: from `start` to `end`, both included; `update_by` leads from one to the other.
    Range { start: i64, end: i64, update_by: NonZeroI64 },
    /// `forEach` with a list, whose references are still in it.
    List(Vec<String>),
    /// `forEach` with a text that is cut into values; its references are still in it.
    Split { list: String, delimiter: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
pub enum OnFailure {
    #[default]
    Abort,
    Continue,
    Ignore,
}

impl Document {
    pub fn phase(&self, name: &str) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }
}
