//! A `.env`: every line in the grammar that tool and server share.

use std::path::Path;

use veris_toe::yaml::Span;

use super::finding::Finding;
use super::project::File;
use crate::env_file::{EnvFile, EnvFileError};

pub(super) fn check(file: &File) -> Vec<Finding> {
    EnvFile::mistakes(&file.text, Path::new(&file.shown)).into_iter().map(|error| finding(file, &error)).collect()
}

fn finding(file: &File, error: &EnvFileError) -> Finding {
    let at = |line| Some(Span::point(line, 1));
    let (rule, span, message) = match error {
        EnvFileError::Line { line, source, .. } => ("env-line", at(*line), source.to_string()),
        EnvFileError::Duplicate { line, name, first, .. } => {
            ("duplicate-key", at(*line), format!("`{name}` is already set in line {first}"))
        }
        other => ("env-line", None, other.to_string()),
    };
    Finding::error(&file.shown, rule, span, message)
        .cure("one NAME=VALUE a line; a line that begins with `#` is a comment")
}
