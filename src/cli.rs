//! What the user can type. No logic: each command's arguments are in the file of its name.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    allow_ip, bake, check, completions, connect, console, demo, diff, doctor, env, gc, history, images, launch, local,
    logs, man, promote, prune, resize, restart, rollback, setup, show, sign, ssh, start, status, stop, terminate,
    update, verify, verify_image,
};
use crate::env_vars;
use crate::environment::EnvironmentName;
use crate::printer::Output;

/// Bake a service into a machine image, launch it, and roll back
///
/// Without `--environment` every command works in the local cloud, which runs on this machine and needs no account.
#[derive(Debug, Parser)]
#[command(name = "veris", version, propagate_version = false, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Environment of the recipe to work in
    #[arg(short, long, global = true, value_name = "NAME", default_value = "local")]
    #[arg(env = env_vars::VERIS_ENVIRONMENT, hide_env_values = true)]
    pub environment: EnvironmentName,
    /// Recipe to use, when recipes/ holds more than one
    #[arg(long, global = true, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Form of the data on stdout and of the events on stderr
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub output: Output,
    /// Directory that holds recipes/; by default the nearest one upwards from here
    #[arg(long, global = true, value_name = "DIR", env = env_vars::VERIS_PROJECT, hide_env_values = true)]
    pub project: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Bake(bake::Bake),
    Check(check::Check),
    Launch(launch::Launch),
    Rollback(rollback::Rollback),
    Promote(promote::Promote),
    History(history::History),
    Images(images::Images),
    Show(show::Show),
    Diff(diff::Diff),
    Sign(sign::Sign),
    VerifyImage(verify_image::VerifyImage),
    Status(status::Status),
    Verify(verify::Verify),
    Console(console::Console),
    Logs(logs::Logs),
    Ssh(ssh::Ssh),
    Connect(connect::Connect),
    Env(env::Env),
    Start(start::Start),
    Stop(stop::Stop),
    Restart(restart::Restart),
    Resize(resize::Resize),
    AllowIp(allow_ip::AllowIp),
    Terminate(terminate::Terminate),
    Prune(prune::Prune),
    Gc(gc::Gc),
    Update(update::Update),
    Setup(setup::Setup),
    Doctor(doctor::Doctor),
    Local(local::Local),
    Demo(demo::Demo),
    Completions(completions::Completions),
    Man(man::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in super::Cli::command().get_subcommands() {
            assert!(command.get_after_help().is_some(), "`veris {}` has no example", command.get_name());
        }
    }
}
