//! The only writer: stdout is data, stderr is talk. With `--output json` talk is a line of JSON for each thing that happens.

mod event;
mod stage;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use self::event::Event;
pub use self::stage::Stage;
use crate::error::{self, Report};

/// Form of the data on stdout and of the talk on stderr.
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
    /// Whether stages are drawn and not told.
    terminal: bool,
}

impl Printer {
    pub fn new(output: Output) -> Self {
        let terminal = output == Output::Text && io::stderr().is_terminal();
        Self { output, screen: indicatif::MultiProgress::new(), terminal }
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
        let line = line.to_string();
        match self.output {
            Output::Text => self.stderr(format!("{line}\n")),
            // A blank line is there for the eye.
            Output::Json if line.trim().is_empty() => {}
            Output::Json => self.event(Event::Message { text: line.trim() }),
        }
    }

    /// A piece of talk as it arrives, without a line break of its own.
    pub fn talk_piece(&self, text: impl Display) {
        let text = text.to_string();
        match self.output {
            Output::Text => self.stderr(text),
            Output::Json => self.event(Event::Piece { text: &text }),
        }
    }

    /// Shows that something takes time, and how much.
    pub fn stage(&self, name: impl Into<String>) -> Stage {
        Stage::new(self.clone(), name.into(), None)
    }

    /// The same, where it is known how many seconds it took the last time.
    pub fn stage_again(&self, name: impl Into<String>, last_seconds: Option<f64>) -> Stage {
        Stage::new(self.clone(), name.into(), last_seconds)
    }

    pub(crate) fn error(&self, report: &Report) {
        match self.output {
            Output::Text => self.stderr(report.to_string()),
            Output::Json => self.event(Event::Error {
                message: &report.message,
                hints: &report.hints,
                exit_code: report.status.code(),
            }),
        }
    }

    fn event(&self, event: Event) {
        self.stderr_with(|| event.line());
    }

    fn stderr(&self, text: impl Into<String>) {
        self.stderr_with(|| text.into());
    }

    /// The text is made when it is its turn, so that the times of events follow one another.
    fn stderr_with(&self, text: impl FnOnce() -> String) {
        // Nobody is left to be told when stderr is closed.
        let _ = self.screen.suspend(|| io::stderr().lock().write_all(text().as_bytes()));
    }
}
