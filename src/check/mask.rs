//! Takes secrets out of everything that is shown.

use super::kind::Kind;
use super::secret::Secret;

/// What a file looks like to a reader who may not see its secrets.
#[derive(Debug)]
pub(super) struct Mask {
    lines: Vec<String>,
    secrets: Vec<String>,
}

impl Mask {
    pub(super) fn new(text: &str, kind: Kind, secrets: &[Secret]) -> Self {
        let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        if kind == Kind::EnvFile {
            // Every value of a `.env` may be one, and so may a line that is none.
            lines = lines.iter().map(|line| name_only(line)).collect();
        }
        for secret in secrets {
            if let Some(line) = lines.get_mut(secret.span.line - 1) {
                *line = line.replace(&secret.value, &stars(&secret.value));
            }
        }
        Self { lines, secrets: secrets.iter().map(|secret| secret.value.clone()).collect() }
    }

    /// The line, counted from 1.
    pub(super) fn line(&self, number: usize) -> Option<String> {
        self.lines.get(number - 1).cloned()
    }

    pub(super) fn words(&self, words: &str) -> String {
        self.secrets.iter().fold(words.to_owned(), |words, secret| words.replace(secret, &stars(secret)))
    }
}

fn stars(secret: &str) -> String {
    "*".repeat(secret.chars().count())
}

fn name_only(line: &str) -> String {
    match line.split_once('=') {
        Some((name, value)) => format!("{name}={}", stars(value)),
        None if line.trim_start().starts_with('#') => line.to_owned(),
        None => stars(line),
    }
}
