//! What can be wrong with a document, where, and what to do about it.

use std::fmt;

use serde::Serialize;

/// A document that was refused. Its `Display` is one line, `label:line:column: phase `p`, step `s`: problem`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    pub document: String,
    pub location: Option<Location>,
    pub phase: Option<String>,
    pub step: Option<String>,
    pub problem: Box<Problem>,
}

/// 1-based, as editors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("the document has {bytes} bytes, more than {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error("the document holds too many values, or its aliases multiply them")]
    TooManyValues,
    #[error("more than {limit} brackets are open at once")]
    TooDeep { limit: usize },
    #[error("{0}")]
    Yaml(String),
    #[error("`schemaVersion` is {found}, this version reads 1.0")]
    SchemaVersion { found: String },
    #[error("`{list}` has an entry with {keys} names; each entry is `- Name: {{type: string, …}}`")]
    EntryShape { list: &'static str, keys: usize },
    #[error("`{name}` is no valid name for a parameter or constant")]
    VariableName { name: String },
    #[error("the name `{name}` is given twice in {scope}")]
    DuplicateName { name: String, scope: &'static str },
    #[error("{what} has an empty name, a name longer than {limit} bytes, or one with control characters")]
    BadName { what: &'static str, limit: usize },
    #[error("the document has none of the phases build, validate and test")]
    NoKnownPhase,
    #[error("the phase has no steps")]
    NoSteps,
    #[error("`timeoutSeconds` is {found}; it is a positive number of seconds, or -1 for no limit")]
    Timeout { found: i64 },
    #[error("`maxAttempts` is {found}; a step is attempted at least once")]
    MaxAttempts { found: i64 },
    #[error("`{key}` is {found}; {reason}")]
    FixedKey { key: &'static str, found: i64, reason: String },
    #[error("the loop is wrong: {0}")]
    Loop(String),
    #[error("the condition is wrong: {0}")]
    Condition(String),
    #[error("there is no action `{name}`")]
    UnknownAction { name: String, nearest: Option<&'static str> },
    #[error("the action `{name}` runs on Windows only")]
    WindowsAction { name: &'static str },
    #[error("the action `{name}` is not supported by this version")]
    UnsupportedAction { name: &'static str },
    #[error("the inputs do not fit `{action}`: {message}")]
    Inputs { action: &'static str, message: String },
    #[error("`{{{{ {name} }}}}` names no parameter or constant of this document")]
    UnknownVariable { name: String, nearest: Option<String> },
    #[error("`{{{{ {chain} }}}}` {reason}")]
    UnknownStep { chain: String, reason: String },
    #[error("`{{{{ {chain} }}}}` {reason}")]
    UnknownValue { chain: String, reason: String },
}

impl ParseError {
    /// What the author can do, where there is more to say than the problem itself.
    pub fn cure(&self) -> Option<String> {
        self.problem.cure()
    }
}

impl Problem {
    fn cure(&self) -> Option<String> {
        let cure = match self {
            Self::TooLong { .. } => "move large content into a file that a step downloads".into(),
            Self::TooDeep { .. } => "close them; nested values are better written as blocks".into(),
            Self::TooManyValues => "write the values out instead of repeating them with `*aliases`".into(),
            Self::SchemaVersion { .. } => "write `schemaVersion: 1.0`".into(),
            Self::VariableName { .. } => "use 3 to 128 letters, digits, `_` or `-`".into(),
            Self::DuplicateName { .. } => "give each its own name".into(),
            Self::NoKnownPhase => "name a phase `build`, `validate` or `test`".into(),
            Self::UnknownAction { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownAction { nearest: None, .. } => "see the table of actions in the README of veris-toe".into(),
            Self::WindowsAction { .. } => "use `ExecuteBash` or `ExecuteBinary` on Linux".into(),
            Self::UnsupportedAction { .. } => "do the same in the commands of an `ExecuteBash` step".into(),
            Self::FixedKey { key, .. } => format!("leave `{key}` out"),
            Self::UnknownVariable { nearest: Some(nearest), .. } => format!("did you mean `{{{{ {nearest} }}}}`?"),
            Self::UnknownVariable { name, nearest: None } => {
                format!(
                    "declare `{name}` under `parameters` or `constants`; for literal braces, declare a constant that holds them"
                )
            }
            Self::UnknownStep { .. } => "refer to a step that runs earlier in the same document".into(),
            Self::Yaml(_)
            | Self::EntryShape { .. }
            | Self::BadName { .. }
            | Self::NoSteps
            | Self::Timeout { .. }
            | Self::MaxAttempts { .. }
            | Self::Loop(_)
            | Self::Condition(_)
            | Self::Inputs { .. }
            | Self::UnknownValue { .. } => return None,
        };
        Some(cure)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.document)?;
        if let Some(Location { line, column }) = self.location {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        match (&self.phase, &self.step) {
            (Some(phase), Some(step)) => write!(f, "phase `{phase}`, step `{step}`: ")?,
            (Some(phase), None) => write!(f, "phase `{phase}`: ")?,
            (None, _) => {}
        }
        self.problem.fmt(f)
    }
}
