//! Errors as the user meets them: whose fault, what happened, and what to do.

use std::error::Error;
use std::fmt;

use crate::exit_status::ExitStatus;

/// Bad input. The tool changed nothing.
pub fn user(message: impl Into<String>) -> Failure {
    Failure::new(ExitStatus::UserError, message)
}

/// The cloud refused, failed or did not answer.
pub fn cloud(message: impl Into<String>) -> Failure {
    Failure::new(ExitStatus::CloudError, message)
}

/// A fault of the tool or its host, such as a missing program.
pub fn internal(message: impl Into<String>) -> Failure {
    Failure::new(ExitStatus::Internal, message)
}

/// What was launched or served does not answer as it should.
pub fn unhealthy(message: impl Into<String>) -> Failure {
    Failure::new(ExitStatus::Unhealthy, message)
}

/// An error that knows its exit code and its cure.
#[derive(Debug)]
pub struct Failure {
    kind: ExitStatus,
    message: String,
    hint: Option<String>,
    is_expiry: bool,
    spares: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    fn new(kind: ExitStatus, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, is_expiry: false, spares: false, source: None }
    }

    /// The user stopped the command.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Interrupted, message)
    }

    /// Whether the user stopped the command.
    pub fn is_interruption(&self) -> bool {
        self.kind == ExitStatus::Interrupted
    }

    /// The same error with another exit code.
    #[must_use]
    pub fn kind(mut self, kind: ExitStatus) -> Self {
        self.kind = kind;
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with one more thing to do about it.
    #[must_use]
    pub fn and_hint(mut self, hint: impl AsRef<str>) -> Self {
        let before = self.hint.map(|before| before + "\n").unwrap_or_default();
        self.hint = Some(before + hint.as_ref());
        self
    }

    /// The credentials have expired: what was under way in the cloud goes on, and nothing can be taken back.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.is_expiry = true;
        self
    }

    /// What was made stays as it is: the next run goes on with it.
    #[must_use]
    pub fn spares_what_was_made(mut self) -> Self {
        self.spares = true;
        self
    }

    /// The error below this one. The message must not repeat it.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Whether the error came of credentials that have expired.
pub fn is_expiry(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<Failure>()).any(|failure| failure.is_expiry)
}

/// Whether what was made stays as it is.
pub fn spares_what_was_made(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<Failure>()).any(|failure| failure.spares)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// An error ready to be printed: the whole chain in one line, and every hint found in it.
#[derive(Debug)]
pub struct Report {
    pub status: ExitStatus,
    pub message: String,
    pub hints: Vec<String>,
}

impl Report {
    pub fn new(error: &anyhow::Error) -> Self {
        let failures: Vec<&Failure> = error.chain().filter_map(|cause| cause.downcast_ref()).collect();
        Self {
            status: failures.first().map_or(ExitStatus::Internal, |failure| failure.kind),
            message: format!("{error:#}"),
            hints: failures.iter().filter_map(|failure| failure.hint.clone()).collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        for hint in &self.hints {
            writeln!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_report_prints_the_chain_once_and_keeps_the_cure() {
        let error = Err::<(), _>(
            user("failed to read `.env`").hint("check the path").source(std::io::Error::other("no such file")),
        )
        .context("cannot launch version 1.0.0")
        .unwrap_err();
        let report = Report::new(&error);
        assert_eq!(report.status, ExitStatus::UserError);
        insta::assert_snapshot!(report, @r"
        error: cannot launch version 1.0.0: failed to read `.env`: no such file

        hint: check the path
        ");
    }

    #[test]
    fn an_error_nobody_classified_is_ours() {
        assert_eq!(Report::new(&anyhow::anyhow!("surprise")).status, ExitStatus::Internal);
    }
}
