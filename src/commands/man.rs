//! `veris man`: the manual pages.

use std::path::PathBuf;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;

/// Write the manual pages, one for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris man ~/.local/share/man/man1 && man veris-launch")]
pub struct Man {
    /// Directory that they are written to; it is made where it does not exist
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

pub fn run(args: &Man, printer: &Printer) -> Result<ExitStatus> {
    let failed = |error| {
        user(format!("the manual pages cannot be written to `{}`", args.directory.display()))
            .hint("name a directory that you may write to")
            .source(error)
    };
    fs_err::create_dir_all(&args.directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.directory).map_err(failed)?;
    printer.talk(format_args!("the manual pages are in {}", args.directory.display()));
    Ok(ExitStatus::Success)
}
