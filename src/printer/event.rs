//! What is told on stderr with `--output json`: one JSON object on each line, for CI and other programs that watch.

use jiff::Timestamp;
use serde::Serialize;

/// One line. Its fields are a part of the tool's interface: new ones may come, none is renamed.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    /// When it was told, in UTC with milliseconds.
    pub time: String,
    #[serde(flatten)]
    pub event: Event<'a>,
}

/// What happened, named by the field `event`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Event<'a> {
    /// A stage has begun. Stages may overlap, so that each event names its own.
    #[serde(rename_all = "camelCase")]
    StageStarted {
        stage: &'a str,
        /// How long it took the last time, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seconds: Option<f64>,
    },
    /// What a stage is doing, or what it waits for.
    StageProgress { stage: &'a str, text: &'a str },
    StageDone {
        stage: &'a str,
        seconds: f64,
        #[serde(skip_serializing_if = "str::is_empty")]
        text: &'a str,
    },
    /// A stage has ended badly; the cause is in the `error` event, where the command fails of it.
    StageFailed {
        stage: &'a str,
        seconds: f64,
        #[serde(skip_serializing_if = "str::is_empty")]
        text: &'a str,
    },
    /// What a person would read in between, warnings included.
    Message { text: &'a str },
    /// A piece of an answer as it arrives; pieces follow one another without a break.
    Piece { text: &'a str },
    /// Why the command fails. It is the last event.
    #[serde(rename_all = "camelCase")]
    Error { message: &'a str, hints: &'a [String], exit_code: u8 },
}

impl Event<'_> {
    /// The line, with its end.
    pub(super) fn line(self) -> String {
        let line = Line { time: format!("{:.3}", Timestamp::now()), event: self };
        // Strings and finite numbers always have a form in JSON.
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    }
}

/// Seconds to the hundredth: a finer number says nothing about a wait.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}
