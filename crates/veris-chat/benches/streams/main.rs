//! Both ends of a chat server: a Bedrock that streams real event-stream frames, and clients that time each token.
//!
//! `benches/chat.sh` puts a server between the two and makes a table. Each token carries the time at which it was sent, on a clock that
//! every process of a machine shares, so what a client computes is exactly what the server and the way to it have added.

#![expect(clippy::print_stdout, reason = "results are what a bench is for")]

mod bedrock;
mod clients;
mod conversation;
mod documents;
mod leaving;
mod load;
#[path = "../../tests/it/pdf.rs"]
mod pdf;
mod reading;
mod relay;
mod tally;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Run `benches/chat.sh` for the whole measurement")]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// What cargo passes to every bench
    #[arg(long = "bench", hide = true, global = true)]
    _bench: bool,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Answer as Bedrock and as the metadata service of an instance, until killed
    Bedrock,
    /// Copy bytes between clients and Bedrock, until killed
    Relay(relay::Relay),
    /// Read streams and report how late their tokens came
    Load(load::Load),
    /// Leave streams in the middle and report how long Bedrock went on
    Leave(leaving::Leave),
}

fn main() -> anyhow::Result<ExitCode> {
    let Some(role) = Arguments::parse().role else {
        println!("nothing is measured without a server: run benches/chat.sh");
        return Ok(ExitCode::SUCCESS);
    };
    // One thread: what it measures must not compete with it for more than one core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match role {
            Role::Bedrock => bedrock::serve().await,
            Role::Relay(relay) => relay::serve(relay).await,
            Role::Load(load) => load::run(load).await,
            Role::Leave(leave) => leaving::run(leave).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
