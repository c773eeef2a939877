//! Exit codes, which tell the user's fault, the cloud's fault and ours apart.

/// How the tool ended. The numbers are part of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    Success = 0,
    /// The command worked, and its answer is no: nothing is live, what is live does not answer as it should, or a check found
    /// something.
    Unhealthy = 1,
    /// Bad input: the command line, a recipe, a `.env`. Clap's own code for usage errors is the same.
    UserError = 2,
    /// AWS or the local cloud refused, failed or did not answer.
    CloudError = 3,
    /// A fault of the tool or its host.
    Internal = 4,
    /// Ctrl-C or SIGTERM: 128 + SIGINT, as shells count.
    Interrupted = 130,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
