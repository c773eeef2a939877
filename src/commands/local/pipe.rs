//! `veris local pipe`: QEMU runs one for each connection a guest opens to the metadata service or the endpoint.

use std::path::PathBuf;

use local_cloud::Channel;

use crate::exit_status::ExitStatus;

/// Connect stdin and stdout to the local cloud, on behalf of one guest
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  veris local pipe --socket guest.sock --instance i-0123456789abcdef0 --channel metadata"
)]
pub struct Pipe {
    /// Socket of the local cloud
    #[arg(long)]
    pub socket: PathBuf,
    /// The guest
    #[arg(long)]
    pub instance: String,
    /// What the connection leads to
    #[arg(long)]
    pub channel: Service,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Service {
    Metadata,
    Endpoint,
}

/// Nobody reads an error here: the guest sees its connection closed.
pub fn run(args: &Pipe) -> ExitStatus {
    let channel = match args.channel {
        Service::Metadata => Channel::Metadata,
        Service::Endpoint => Channel::Endpoint,
    };
    match local_cloud::pipe(&args.socket, &args.instance, channel) {
        Ok(()) => ExitStatus::Success,
        Err(_) => ExitStatus::Internal,
    }
}
