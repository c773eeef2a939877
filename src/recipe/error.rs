//! Why a recipe was refused, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::File;
use crate::error::{Failure, user};

/// Why a recipe was refused.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file could not be read.
    #[error("failed to read the recipe `{}`", path.display())]
    Read {
        /// The recipe's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A key or a value is wrong.
    #[error("{place}: {}{problem}", key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
    Invalid {
        /// File, line and column, as far as they are known.
        place: String,
        /// The key, written as a path from the top of the file.
        key: Option<String>,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// The recipe has no environment of that name.
    #[error("recipe `{}` has no environment `{name}`", recipe.display())]
    UnknownEnvironment {
        /// The recipe's file.
        recipe: PathBuf,
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
}

impl RecipeError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "run veris inside a project, a folder with `recipes/`".to_owned(),
            Self::Invalid { cure, .. } => cure.clone(),
            Self::UnknownEnvironment { known, .. } => {
                format!("choose one of {known}, or declare it under `environments:`")
            }
        }
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        let failure = user(error.to_string()).hint(error.hint());
        match error {
            RecipeError::Read { source, .. } => failure.source(source),
            _ => failure,
        }
    }
}

impl File<'_> {
    /// An error that the YAML reader found, which knows where it is.
    pub(super) fn unreadable(&self, error: &serde_yaml::Error) -> RecipeError {
        let (mut place, mut message) = (self.shown.clone(), error.to_string());
        if let Some(at) = error.location() {
            message = message.replace(&format!(" at line {} column {}", at.line(), at.column()), "");
            // For a repeated key the reader points at the map that holds it.
            let repeated = message.split_once("duplicate field `").and_then(|(_, rest)| rest.strip_suffix('`'));
            place = match repeated.and_then(|key| last_line_of(self.text, key)) {
                Some(line) => format!("{place}:{line}"),
                None => format!("{place}:{}:{}", at.line(), at.column()),
            };
        }
        let (message, cure) = split_cure(message);
        let (key, problem) = split_key(&message);
        RecipeError::Invalid { place, key, problem, cure }
    }

    /// An error about a value that stands somewhere below the top-level key of the pair.
    pub(super) fn refuse(&self, (key, value): (&str, &str), problem: String, cure: &str) -> RecipeError {
        let place = match find_line(self.text, key, value) {
            Some(line) => format!("{}:{line}", self.shown),
            None => self.shown.clone(),
        };
        RecipeError::Invalid { place, key: Some(key.to_owned()), problem, cure: cure.to_owned() }
    }
}

/// Our own checks put the cure on a line of its own; serde's messages need one that fits.
fn split_cure(message: String) -> (String, String) {
    if let Some((problem, cure)) = message.split_once('\n') {
        return (problem.to_owned(), cure.to_owned());
    }
    let cure = if message.contains("unknown field") {
        "remove the key or correct its spelling"
    } else if message.contains("missing field") {
        "add the key; `recipes/veris-chat.yaml` of the project's repository shows all of them"
    } else if message.contains("duplicate") {
        "keep one of the two"
    } else {
        "correct the value"
    };
    (message, cure.to_owned())
}

/// The reader writes `environments.prod.region: problem`.
fn split_key(message: &str) -> (Option<String>, String) {
    let is_key = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-[]".contains(c));
    match message.split_once(": ") {
        Some((key, problem)) if is_key(key) => (Some(key.to_owned()), problem.to_owned()),
        _ => (None, message.to_owned()),
    }
}

/// The line of `value` in the block of the top-level key, or else the line of the key.
fn find_line(text: &str, key: &str, value: &str) -> Option<usize> {
    let lines = || text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let start = lines().find(|(_, line)| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))?.0;
    let in_block = |line: &str| line.is_empty() || line.starts_with([' ', '-', '#']);
    let value_line = lines()
        .skip(start)
        .take_while(|(_, line)| in_block(line))
        .find(|(_, line)| line.split(['"', '\'', ' ', '\t']).any(|word| word == value));
    Some(value_line.map_or(start, |(number, _)| number))
}

fn last_line_of(text: &str, key: &str) -> Option<usize> {
    let is_key = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    text.lines().enumerate().filter(|(_, line)| is_key(line)).map(|(index, _)| index + 1).last()
}
