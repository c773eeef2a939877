//! What the commands share: how they fail.

pub(crate) mod run;
pub(crate) mod validate;

use std::error::Error;
use std::process::ExitCode;

use veris_toe::environment::EnvironmentError;
use veris_toe::execute::{CopyError, RunError, StateError};
use veris_toe::log_directory::LogError;
use veris_toe::request::RequestError;

/// A command that did not get as far as running steps.
pub(crate) struct Failure {
    pub(crate) error: Box<dyn Error>,
    pub(crate) cure: Option<String>,
    is_bad_usage: bool,
}

impl Failure {
    /// The state of the run is saved, but the machine does not go down.
    pub(crate) fn reboot(error: &std::io::Error) -> Self {
        let error = format!("cannot reboot with `systemctl reboot`: {error}");
        let cure = "reboot the machine by other means, then run the same command again".to_owned();
        Self { error: error.into(), cure: Some(cure), is_bad_usage: false }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(if self.is_bad_usage { 2 } else { 1 })
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self { cure: error.cure(), error: error.into(), is_bad_usage: true }
    }
}

impl From<EnvironmentError> for Failure {
    fn from(error: EnvironmentError) -> Self {
        Self { error: error.into(), cure: None, is_bad_usage: true }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let cure = "choose a folder you can write to with --log-directory and --state-directory".to_owned();
        Self { error: error.into(), cure: Some(cure), is_bad_usage: false }
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        let cure =
            "let the role of this machine put objects there (`s3:PutObject`), or copy the folder yourself".to_owned();
        Self { error: error.into(), cure: Some(cure), is_bad_usage: false }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Log(error) => error.into(),
            RunError::State(error) => {
                let is_bad_usage = !matches!(error, StateError::File { .. });
                Self { cure: error.cure(), error: error.into(), is_bad_usage }
            }
        }
    }
}
