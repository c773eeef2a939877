//! The command line. No logic.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs AWSTOE component documents on this machine.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  veris-toe validate --documents components/chat.yaml
  veris-toe run --documents components/chat.yaml --phases build,validate --parameters Version=1.0.0

Exit codes: 0 every document succeeded, 1 a step failed or the run could not write its logs,
2 the arguments or a document are wrong (nothing was run), 194 a step needs a reboot: reboot the
machine, then run the same command again with the same --execution-id and --state-directory.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run documents; changes the machine. The summary is JSON on stdout, the steps' lines are on stderr.
    Run(RunArguments),
    /// Check documents without running anything.
    Validate(ValidateArguments),
}

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArguments {
    /// Component documents to run one after the other.
    #[arg(short, long, value_name = "FILE,FILE", value_delimiter = ',', required_unless_present = "config")]
    pub(crate) documents: Vec<PathBuf>,
    /// A JSON file with documents, their parameters and any of the settings below.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["documents", "parameters"])]
    pub(crate) config: Option<PathBuf>,
    /// Phases to run; they run in document order. All phases when not given.
    #[arg(short, long, value_name = "PHASE,PHASE", value_delimiter = ',')]
    pub(crate) phases: Vec<String>,
    /// Values for parameters of the documents. Other users of the machine can see them while this runs.
    #[arg(long, value_name = "NAME=VALUE,NAME=VALUE")]
    pub(crate) parameters: Option<String>,
    /// Where the folder with the logs of the run is made [default: the current directory].
    #[arg(short, long, value_name = "DIRECTORY")]
    pub(crate) log_directory: Option<PathBuf>,
    /// Where scripts of steps are kept while they run [default: the folder with the logs], and the state of a run that
    /// waits for a reboot [default: the log directory]. It has to outlive the reboot.
    #[arg(short, long, value_name = "DIRECTORY")]
    pub(crate) state_directory: Option<PathBuf>,
    /// Identifies the run in its summary and in the name of its log folder [default: a random UUID]. After a reboot the
    /// same id goes on with the run.
    #[arg(short = 'i', long, value_name = "ID")]
    pub(crate) execution_id: Option<String>,
    /// Reboot the machine when a step needs it, instead of leaving that to the caller.
    #[arg(long)]
    pub(crate) reboot: bool,
    /// Show on stderr what the runner does, too.
    #[arg(short, long)]
    pub(crate) trace: bool,
}

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidateArguments {
    /// Component documents to check.
    #[arg(short, long, value_name = "FILE,FILE", value_delimiter = ',', required = true)]
    pub(crate) documents: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
