//! `veris-chat`: reads its settings, listens, and stops on SIGTERM.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use veris_chat::{AppState, Settings, bedrock, documents, model_rule_warnings, serve};

/// The unit's `TimeoutStopSec` is longer, so that systemd never has to kill the server.
const DRAIN: Duration = Duration::from_secs(20);

/// Answer chats through Bedrock
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file [default: `config.yaml` in the working directory, if it exists]
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Check the configuration, the `.env` file and the release file, and exit
    #[arg(long)]
    check: bool,
    /// Read the PDF on standard input within so many seconds of processor time; the server runs itself so
    #[arg(long, value_name = "SECONDS", hide = true)]
    read_pdf: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seconds) = arguments.read_pdf {
        return documents::read_pdf(seconds);
    }
    write_logs();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).ok();
    let settings = match (arguments.config.as_deref(), arguments.check) {
        // It is checked where nobody has the instance's role.
        (config, true) => Settings::load(config, variable)?,
        (config, false) => Settings::load_with_secrets(config, variable)?,
    };
    for name in &settings.unknown_names {
        tracing::warn!("the `.env` file sets {name}, which means nothing to this server");
    }
    for warning in model_rule_warnings(&settings.model.model_id, &settings.model.region) {
        tracing::warn!("{warning}");
    }
    if arguments.check {
        return writeln!(io::stdout(), "the configuration is valid").context("failed to write to standard output");
    }
    tokio::runtime::Runtime::new().context("failed to start the runtime")?.block_on(listen(settings))
}

async fn listen(settings: Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!("failed to listen on {}: stop what listens there, or set HOST and PORT", settings.listen)
    })?;
    let state = AppState::new(settings.clone(), bedrock::client(&settings.model))?;
    let address = listener.local_addr().context("failed to learn the address of the socket")?;
    tracing::info!(
        server.address = %address,
        release.version = settings.release.version,
        release.digest = settings.release.digest,
        model.id = settings.model.model_id,
        model.region = settings.model.region,
        model.endpoint = settings.model.endpoint.as_ref().map(tracing::field::display),
        "veris-chat {} listens on {address}",
        settings.release.version,
    );
    let signal = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve(listener, state, signal, DRAIN).await.context("failed to serve")
}

/// One JSON document a line on standard error. The levels are fixed: below them the SDK logs the text of messages.
fn write_logs() {
    let levels = Targets::new().with_default(LevelFilter::WARN).with_target("veris_chat", LevelFilter::INFO);
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(io::stderr);
    tracing_subscriber::registry().with(lines).with(levels).init();
}
