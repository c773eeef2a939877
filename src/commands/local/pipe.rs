//! `veris local pipe`: QEMU runs one for each connection a guest opens to the metadata service or the endpoint.

use std::path::PathBuf;

use crate::exit_status::ExitStatus;

/// Connect stdin and stdout to the local cloud, on behalf of one guest
#[derive(Debug, clap::Args)]
pub struct Pipe {
    #[arg(long)]
    pub socket: PathBuf,
    #[arg(long)]
    pub instance: String,
    #[arg(long)]
    pub channel: String,
}

pub fn run(args: &Pipe) -> ExitStatus {
    let _ = args;
    ExitStatus::Internal
}
