//! Exit codes, which tell the user's fault, the cloud's fault and ours apart.

/// How the tool ended. The numbers are part of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    Success,
    /// The command worked, and its answer is no: nothing is live, what is live does not answer as it should, or a check found
    /// something.
    Unhealthy,
    /// Bad input: the command line, a recipe, a `.env`. Clap's own code for usage errors is the same.
    UserError,
    /// AWS or the local cloud refused, failed or did not answer.
    CloudError,
    /// A fault of the tool or its host.
    Internal,
    /// Ctrl-C or SIGTERM: 128 + SIGINT, as shells count.
    Interrupted,
    /// As a program ended that did the whole work, such as what `veris ssh` ran.
    Program(u8),
}

impl ExitStatus {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unhealthy => 1,
            Self::UserError => 2,
            Self::CloudError => 3,
            Self::Internal => 4,
            Self::Interrupted => 130,
            Self::Program(status) => status,
        }
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
