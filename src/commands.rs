//! Sends each command to the file of its name.

pub mod allow_ip;
pub mod bake;
pub mod check;
pub mod completions;
pub mod connect;
pub mod console;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod env;
pub mod gc;
pub mod history;
pub mod images;
pub mod launch;
pub mod local;
pub mod logs;
pub mod man;
pub mod promote;
pub mod prune;
pub mod resize;
pub mod restart;
pub mod rollback;
pub mod setup;
pub mod show;
pub mod sign;
pub mod ssh;
pub mod start;
pub mod status;
pub mod stop;
pub mod terminate;
pub mod update;
pub mod verify;
pub mod verify_image;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// Runs the command until it ends or the user ends it.
pub async fn run(cli: Cli, printer: &Printer) -> Result<ExitStatus> {
    let interrupt = Interrupt::install()?;
    tokio::select! {
        result = Box::pin(dispatch(cli, printer, &interrupt)) => result,
        failure = interrupt.clone().must_end() => Err(failure.into()),
    }
}

async fn dispatch(cli: Cli, printer: &Printer, interrupt: &Interrupt) -> Result<ExitStatus> {
    let Cli { command, global } = cli;
    let context = async || Context::load(&global, printer.clone(), interrupt.clone()).await;
    match command {
        Command::Bake(args) => bake::run(args, &context().await?).await,
        Command::Check(args) => check::run(args, &global, printer).await,
        Command::Launch(args) => launch::run(args, &context().await?).await,
        Command::Rollback(args) => rollback::run(args, &context().await?).await,
        Command::Promote(args) => promote::run(args, &context().await?).await,
        Command::History(args) => history::run(args, &context().await?).await,
        Command::Images(args) => Box::pin(images::run(args, &context().await?)).await,
        Command::Show(args) => show::run(args, &context().await?).await,
        Command::Diff(args) => Box::pin(diff::run(args, &context().await?)).await,
        Command::Sign(args) => sign::run(args, &context().await?).await,
        Command::VerifyImage(args) => verify_image::run(args, &context().await?).await,
        Command::Status(args) => status::run(args, &context().await?).await,
        Command::Verify(args) => verify::run(args, &context().await?).await,
        Command::Console(args) => console::run(args, &context().await?).await,
        Command::Logs(args) => logs::run(args, &context().await?).await,
        Command::Ssh(args) => ssh::run(args, &context().await?).await,
        Command::Connect(args) => connect::run(args, &context().await?).await,
        Command::Env(args) => env::run(args, &context().await?).await,
        Command::Start(args) => start::run(args, &context().await?).await,
        Command::Stop(args) => stop::run(args, &context().await?).await,
        Command::Restart(args) => restart::run(args, &context().await?).await,
        Command::Resize(args) => resize::run(args, &context().await?).await,
        Command::AllowIp(args) => allow_ip::run(args, &context().await?).await,
        Command::Terminate(args) => terminate::run(args, &context().await?).await,
        Command::Prune(args) => prune::run(args, &context().await?).await,
        Command::Gc(args) => gc::run(args, &context().await?).await,
        Command::Setup(args) => setup::run(&args, &global, printer),
        Command::Doctor(args) => doctor::run(args, &context().await?).await,
        Command::Update(args) => update::run(args, &context().await?).await,
        Command::Local(args) => local::run(args, &global, printer, interrupt).await,
        Command::Completions(args) => completions::run(&args, printer),
        Command::Man(args) => man::run(&args, printer),
        Command::Demo(args) => demo::run(args, &global, printer, interrupt).await,
    }
}
