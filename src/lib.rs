//! The deployment tool: bakes images, launches them, and rolls back.
//!
//! [`cli`] says what the user can type; [`commands`] sends each command to the file of its name. A command works on a
//! [`context::Context`]: the recipe, the chosen environment, AWS clients ([`aws`]) and the [`printer`].

pub mod addresses;
pub mod aws;
pub mod bake;
pub mod check;
pub mod cli;
pub mod commands;
pub mod component;
pub mod context;
pub mod copies;
pub mod demo;
pub mod deploy;
pub mod digest;
pub mod doctor;
pub mod env_file;
pub mod env_vars;
pub mod environment;
pub mod error;
pub mod exit_status;
pub mod fault_point;
pub mod firewall;
pub mod gc;
pub mod guest_binary;
pub mod health;
pub mod http;
pub mod images;
pub mod instances;
pub mod interrupt;
pub mod ledger;
pub mod local;
pub mod lock;
pub mod manifest;
pub mod prices;
pub mod printer;
pub mod process;
pub mod provenance;
pub mod prune;
pub mod recipe;
pub mod requirements;
pub mod setup;
pub mod snapshot_disk;
pub mod sse;
pub mod ssh;
pub mod table;
pub mod tags;
pub mod template;
pub mod user_data;
pub mod verify;
pub mod wait;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::commands::local::LocalCommand;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;

/// Parses the command line, runs the command, and turns its error into text and an exit code.
pub fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    // One process of this kind runs for each connection of a guest: it must start fast and needs no runtime.
    if let Command::Local(local) = &cli.command
        && let LocalCommand::Pipe(pipe) = &local.command
    {
        return commands::local::pipe::run(pipe).into();
    }
    let printer = Printer::new(cli.global.output);
    let result = start(cli, &printer);
    let status = result.unwrap_or_else(|error| {
        let report = error::Report::new(&error);
        printer.error(&report);
        report.status
    });
    status.into()
}

fn start(cli: Cli, printer: &Printer) -> anyhow::Result<ExitStatus> {
    // The local cloud's stderr is its log; a command's stderr is for people.
    let serves = matches!(&cli.command, Command::Local(local) if matches!(local.command, LocalCommand::Serve(_)));
    let log = tracing_subscriber::EnvFilter::try_from_env(env_vars::VERIS_LOG)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(if serves { "info" } else { "off" }));
    tracing_subscriber::fmt().with_env_filter(log).with_ansi(false).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(commands::run(cli, printer));
    // An interrupted command does not wait for its threads.
    runtime.shutdown_background();
    result
}
