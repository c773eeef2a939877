//! The command line. No logic.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

/// Runs AWSTOE component documents on this machine.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100, disable_version_flag = true, propagate_version = true)]
pub(crate) struct Cli {
    /// Print the version.
    #[arg(short = 'v', long, short_alias = 'V', global = true, action = ArgAction::Version)]
    version: Option<bool>,
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
    Run(Box<RunArguments>),
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
    #[command(flatten)]
    pub(crate) log_bucket: LogBucketArguments,
    #[command(flatten)]
    pub(crate) services: Services,
}

#[derive(Args)]
pub(crate) struct LogBucketArguments {
    /// Copy the logs to this bucket when the run has ended, except for a reboot.
    #[arg(short = 'b', long = "log-s3-bucket-name", value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// The account that has to own the bucket.
    #[arg(long = "log-s3-bucket-owner", value_name = "ACCOUNT")]
    pub(crate) owner: Option<String>,
    /// What the keys of the logs begin with, before the name of their folder.
    #[arg(short = 'k', long = "log-s3-key-prefix", value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
}

/// What AWSTOE does with services of AWS and this runner does not: refused by name, with what to do instead.
#[derive(Args)]
pub(crate) struct Services {
    #[arg(long, hide = true, value_name = "NAME")]
    cw_log_group: Option<String>,
    #[arg(long, hide = true, value_name = "NAME")]
    cw_log_stream: Option<String>,
    #[arg(long, hide = true, value_name = "REGION")]
    cw_log_region: Option<String>,
    /// Without CloudWatch there is nothing to ignore, so this is no mistake.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    _cw_ignore_failures: Option<bool>,
    #[command(flatten)]
    owner: Owner,
}

#[derive(Args)]
pub(crate) struct Owner {
    #[arg(long, hide = true, value_name = "ACCOUNT")]
    document_s3_bucket_owner: Option<String>,
}

impl Services {
    /// The first of them that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            ("--cw-log-group", self.cw_log_group.is_some()),
            ("--cw-log-stream", self.cw_log_stream.is_some()),
            ("--cw-log-region", self.cw_log_region.is_some()),
        ];
        let given = options.into_iter().find_map(|(name, is_given)| is_given.then_some(name));
        given.or_else(|| self.owner.given())
    }
}

impl Owner {
    pub(crate) fn given(&self) -> Option<&'static str> {
        self.document_s3_bucket_owner.as_ref().map(|_| "--document-s3-bucket-owner")
    }
}

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidateArguments {
    /// Component documents to check.
    #[arg(short, long, value_name = "FILE,FILE", value_delimiter = ',', required = true)]
    pub(crate) documents: Vec<PathBuf>,
    /// AWSTOE's; there is nothing to show.
    #[arg(short, long, hide = true)]
    _trace: bool,
    #[command(flatten)]
    pub(crate) owner: Owner,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
