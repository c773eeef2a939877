//! The only writer: stdout is data, stderr is talk.

mod stage;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

pub use self::stage::Stage;
use crate::error::{self, Report};

/// Form of the data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Writes for one run of the tool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Printer {
    output: Output,
    /// Draws the progress indicators; lines of talk are printed above them.
    screen: indicatif::MultiProgress,
    terminal: bool,
}

impl Printer {
    pub fn new(output: Output) -> Self {
        Self { output, screen: indicatif::MultiProgress::new(), terminal: io::stderr().is_terminal() }
    }

    pub fn output(&self) -> Output {
        self.output
    }

    /// A command's result. A reader that went away (`veris images | head -1`) is no error.
    pub fn data(&self, data: &(impl Serialize + Display)) -> anyhow::Result<()> {
        let mut text = match self.output {
            Output::Text => data.to_string(),
            Output::Json => serde_json::to_string_pretty(data)?,
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        self.piece(&text)
    }

    /// A piece of data as it arrives, without a line break of its own.
    pub fn piece(&self, text: &str) -> anyhow::Result<()> {
        self.piece_to_reader(text).map(|_| ())
    }

    /// The same; `false` where the reader went away, for data without an end.
    pub fn piece_to_reader(&self, text: &str) -> anyhow::Result<bool> {
        let write = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        };
        match self.screen.suspend(write) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error::internal("failed to write to stdout").source(error).into()),
        }
    }

    /// One line for the person who watches.
    pub fn talk(&self, line: impl Display) {
        self.stderr(format!("{line}\n").as_bytes());
    }

    /// A piece of talk as it arrives, without a line break of its own.
    pub fn talk_piece(&self, text: impl Display) {
        self.stderr(text.to_string().as_bytes());
    }

    /// Shows that something takes time, and how much.
    pub fn stage(&self, name: impl Into<String>) -> Stage {
        Stage::new(self.clone(), name.into())
    }

    pub(crate) fn error(&self, report: &Report) {
        self.stderr(report.to_string().as_bytes());
    }

    fn stderr(&self, bytes: &[u8]) {
        // Nobody is left to be told when stderr is closed.
        let _ = self.screen.suspend(|| io::stderr().lock().write_all(bytes));
    }
}
