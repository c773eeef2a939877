//! The stable names of what [`check`](super::check) finds.

use std::fmt;

use serde::Serialize;

use crate::document::Problem;

/// Written in kebab-case, as in `unknown-action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    BadName,
    Choice,
    Condition,
    DuplicateName,
    EmptyPhase,
    FixedKey,
    ForbiddenMetadata,
    Inputs,
    /// For AWS braces are always references.
    LiteralBraces,
    Loop,
    MaxAttempts,
    MissingKey,
    NoKnownPhase,
    NotAllowed,
    SchemaVersion,
    Secret,
    ShellSyntax,
    /// `test` asks `build` or `validate`, which run on another instance.
    StageChain,
    Timeout,
    TooLarge,
    TooDeep,
    TooLong,
    TooManyValues,
    UnknownAction,
    UnknownContext,
    UnknownKey,
    UnknownStep,
    UnknownValue,
    UnknownVariable,
    UnusedVariable,
    VariableEntry,
    WindowsAction,
    WrongKind,
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
            Problem::UnknownKey { .. } => Self::UnknownKey,
            Problem::MissingKey { .. } => Self::MissingKey,
            Problem::WrongKind { .. } => Self::WrongKind,
            Problem::Choice { .. } => Self::Choice,
            Problem::NotAllowed { .. } => Self::NotAllowed,
            Problem::UnknownContext { .. } => Self::UnknownContext,
            Problem::ForbiddenMetadata { .. } => Self::ForbiddenMetadata,
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
            Problem::Inputs { .. } => Self::Inputs,
            Problem::UnknownVariable { .. } => Self::UnknownVariable,
            Problem::UnknownStep { .. } => Self::UnknownStep,
            Problem::UnknownValue { .. } => Self::UnknownValue,
        }
    }
}
