//! What can be wrong with a document, where, and what to do about it.

use std::fmt;

pub use crate::yaml::Location;

/// A document that was refused. Its `Display` is one line, `label:line:column: phase `p`, step `s`: problem`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    pub document: String,
    /// Of the key or value that is wrong; without one the defect is the whole document's.
    pub location: Option<Location>,
    /// Just behind its last character.
    pub end: Option<Location>,
    pub phase: Option<Box<str>>,
    pub step: Option<Box<str>>,
    pub problem: Box<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("the document has {bytes} bytes, more than {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error("the document holds too many values, or its aliases multiply them")]
    TooManyValues,
    #[error("values lie more than {limit} levels deep in each other")]
    TooDeep { limit: usize },
    #[error("{0}")]
    Yaml(String),
    #[error("unknown key `{key}`; {of} has `{known}`")]
    UnknownKey { key: String, of: &'static str, known: String, nearest: Option<&'static str> },
    #[error("{of} has no `{key}`")]
    MissingKey { key: &'static str, of: &'static str },
    #[error("{what} is {found}, and has to be {expected}")]
    WrongKind { what: String, expected: &'static str, found: &'static str },
    #[error("`{key}` is `{found}`, and has to be one of `{known}`")]
    Choice { key: &'static str, found: String, known: &'static str, nearest: Option<&'static str> },
    #[error("the default of `{name}` is `{found}`, and `allowedValues` has `{allowed}`")]
    NotAllowed { name: String, found: String, allowed: String },
    #[error("`schemaVersion` is {found}, this version reads 1.0")]
    SchemaVersion { found: String },
    #[error("an entry of `{list}` is a name with its settings")]
    EntryShape { list: &'static str, name: Option<String> },
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
    #[error("the inputs do not fit `{action}`: {message}")]
    Inputs { action: &'static str, message: String, nearest: Option<String> },
    #[error("`{{{{ {name} }}}}` names no parameter or constant of this document")]
    UnknownVariable { name: String, nearest: Option<String> },
    #[error("`{{{{ {chain} }}}}` {reason}")]
    UnknownStep { chain: String, reason: String },
    #[error("`{{{{ {chain} }}}}` {reason}")]
    UnknownValue { chain: String, reason: String },
    #[error("`{{{{ context:{key} }}}}` names no fact about the run")]
    UnknownContext { key: String, nearest: Option<&'static str> },
    #[error("`{{{{ aws:imds:{path} }}}}` asks for metadata that documents cannot have")]
    ForbiddenMetadata { path: String },
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
            Self::TooDeep { .. } => "close what is open; nested values are better written as blocks".into(),
            Self::UnknownKey { nearest: Some(nearest), .. } | Self::Choice { nearest: Some(nearest), .. } => {
                format!("did you mean `{nearest}`?")
            }
            Self::EntryShape { name, .. } => {
                format!("write `- {}: {{type: string, …}}`", name.as_deref().unwrap_or("Name"))
            }
            Self::Inputs { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownContext { nearest: Some(nearest), .. } => {
                format!("did you mean `{{{{ context:{nearest} }}}}`?")
            }
            Self::UnknownContext { nearest: None, .. } => {
                format!("use one of {}", crate::expression::CONTEXT_KEYS.join(", "))
            }
            Self::ForbiddenMetadata { .. } => {
                "leave out `iam/` and `identity-credentials/`: they hold credentials".into()
            }
            Self::TooManyValues => "write the values out instead of repeating them with `*aliases`".into(),
            Self::SchemaVersion { .. } => "write `schemaVersion: 1.0`".into(),
            Self::VariableName { .. } => "use 3 to 128 letters, digits, `_` or `-`".into(),
            Self::DuplicateName { .. } => "give each its own name".into(),
            Self::NoKnownPhase => "name a phase `build`, `validate` or `test`".into(),
            Self::UnknownAction { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownAction { nearest: None, .. } => "see the table of actions in the README of veris-toe".into(),
            Self::WindowsAction { .. } => "use `ExecuteBash` or `ExecuteBinary` on Linux".into(),
            Self::FixedKey { key, .. } => format!("leave `{key}` out"),
            Self::UnknownVariable { nearest: Some(nearest), .. } => format!("did you mean `{{{{ {nearest} }}}}`?"),
            Self::UnknownVariable { name, nearest: None } => {
                format!(
                    "declare `{name}` under `parameters` or `constants`; for literal braces, declare a constant that holds them"
                )
            }
            Self::UnknownStep { .. } => "refer to a step that runs earlier in the same document".into(),
            Self::Yaml(_)
            | Self::UnknownKey { nearest: None, .. }
            | Self::MissingKey { .. }
            | Self::WrongKind { .. }
            | Self::Choice { nearest: None, .. }
            | Self::NotAllowed { .. }
            | Self::BadName { .. }
            | Self::NoSteps
            | Self::Timeout { .. }
            | Self::MaxAttempts { .. }
            | Self::Loop(_)
            | Self::Condition(_)
            | Self::Inputs { nearest: None, .. }
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
