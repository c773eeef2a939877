//! The `veris-toe` binary: reads its arguments, runs or checks documents, and answers with an exit code.

mod cli;
mod commands;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use veris_toe::explain::explain;

use crate::cli::{Cli, Command};
use crate::commands::{run, validate};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(arguments) => run::run(*arguments),
        Command::Validate(arguments) => validate::run(&arguments),
    };
    outcome.unwrap_or_else(|failure| {
        complain(failure.error.as_ref(), failure.cure.as_deref());
        failure.code()
    })
}

/// The error with its causes on one line, then what to do about it.
fn complain(error: &dyn Error, cure: Option<&str>) {
    let mut message = format!("error: {}\n", explain(error));
    if let Some(cure) = cure {
        message = format!("{message}\nhint: {cure}\n");
    }
    // Without stderr there is nobody to tell; the exit code still says it.
    let _ = io::stderr().write_all(message.as_bytes());
}
