//! `veris completions`: what a shell offers when Tab is pressed.

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris completions bash > ~/.local/share/bash-completion/completions/veris")]
pub struct Completions {
    /// Shell that will read them
    pub shell: Shell,
}

pub fn run(args: &Completions, printer: &Printer) -> Result<ExitStatus> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "veris", &mut script);
    printer.piece(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Success)
}
