//! Why a recipe was refused, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::Mistake;
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
    #[error("{place}: {}{problem}", if key.is_empty() { String::new() } else { format!("{key}: ") })]
    Invalid {
        /// File, line and column.
        place: String,
        /// The key, written as a path from the top of the file; empty for the file itself.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// Something is missing that nothing was said about.
    #[error("{}: the recipe is not complete", path.display())]
    Incomplete {
        /// The recipe's file.
        path: PathBuf,
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
    /// The first mistake, and how many others there are.
    pub(super) fn refused(shown: &Path, first: &Mistake, others: usize) -> Self {
        let Mistake { span, key, problem, cure, .. } = first;
        let others = match others {
            0 => String::new(),
            1 => "\none more mistake is in the recipe: `veris check` shows both".to_owned(),
            others => format!("\n{others} more mistakes are in the recipe: `veris check` shows all"),
        };
        Self::Invalid {
            place: format!("{}:{}:{}", shown.display(), span.start.line, span.start.column),
            key: key.clone(),
            problem: problem.clone(),
            cure: format!("{cure}{others}"),
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "run veris inside a project, a folder with `recipes/`".to_owned(),
            Self::Invalid { cure, .. } => cure.clone(),
            Self::Incomplete { .. } => {
                "compare it with `recipes/veris-chat.yaml` of the project's repository".to_owned()
            }
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
