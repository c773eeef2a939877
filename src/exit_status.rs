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

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Success => 0,
            ExitStatus::Unhealthy => 1,
            ExitStatus::UserError => 2,
            ExitStatus::CloudError => 3,
            ExitStatus::Internal => 4,
            ExitStatus::Interrupted => 130,
            ExitStatus::Program(status) => status,
        })
    }
}
