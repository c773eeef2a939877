//! The stable names of what [`check`](super::check) finds.

use std::fmt;

use serde::Serialize;

use crate::document::Problem;

/// Written in kebab-case, as in `unknown-action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    BadName,
    Condition,
    DuplicateName,
    EmptyPhase,
    FixedKey,
    Inputs,
    Loop,
    MaxAttempts,
    NoKnownPhase,
    SchemaVersion,
    Timeout,
    TooDeep,
    TooLong,
    TooManyValues,
    UnknownAction,
    UnknownStep,
    UnknownValue,
    UnknownVariable,
    UnsupportedAction,
    VariableEntry,
    WindowsAction,
    Yaml,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl From<&Problem> for Rule {
    fn from(problem: &Problem) -> Self {
        match problem {
            Problem::TooLong { .. } => Self::TooLong,
            Problem::TooManyValues => Self::TooManyValues,
            Problem::TooDeep { .. } => Self::TooDeep,
            Problem::Yaml(_) => Self::Yaml,
            Problem::SchemaVersion { .. } => Self::SchemaVersion,
            Problem::EntryShape { .. } => Self::VariableEntry,
            Problem::VariableName { .. } | Problem::BadName { .. } => Self::BadName,
            Problem::DuplicateName { .. } => Self::DuplicateName,
            Problem::NoKnownPhase => Self::NoKnownPhase,
            Problem::NoSteps => Self::EmptyPhase,
            Problem::Timeout { .. } => Self::Timeout,
            Problem::MaxAttempts { .. } => Self::MaxAttempts,
            Problem::FixedKey { .. } => Self::FixedKey,
            Problem::Loop(_) => Self::Loop,
            Problem::Condition(_) => Self::Condition,
            Problem::UnknownAction { .. } => Self::UnknownAction,
            Problem::WindowsAction { .. } => Self::WindowsAction,
            Problem::UnsupportedAction { .. } => Self::UnsupportedAction,
            Problem::Inputs { .. } => Self::Inputs,
            Problem::UnknownVariable { .. } => Self::UnknownVariable,
            Problem::UnknownStep { .. } => Self::UnknownStep,
            Problem::UnknownValue { .. } => Self::UnknownValue,
        }
    }
}
