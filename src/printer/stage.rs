//! Progress of one stage: a spinner on a terminal, plain lines or events elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::event::{Event, rounded};
use super::{Output, Printer};

/// One stage under way. A stage that is dropped without [`Stage::done`] is shown as failed.
#[derive(Debug)]
pub struct Stage {
    printer: Printer,
    name: String,
    started: Instant,
    spinner: Option<ProgressBar>,
    /// The newest lines of a program's output, below the spinner.
    lines: Vec<ProgressBar>,
    /// What was shown already: off a terminal, a service that flaps while it starts would fill pages.
    shown: Vec<String>,
    ended: bool,
}

/// How a stage ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Good,
    Bad,
}

impl Stage {
    pub(super) fn new(printer: Printer, name: String, last_seconds: Option<f64>) -> Self {
        let name = match (printer.output, last_seconds) {
            (Output::Text, Some(seconds)) => format!("{name} (last time {seconds:.1} s)"),
            _ => name,
        };
        let spinner = printer.terminal.then(|| printer.screen.add(spinner(&name)));
        match printer.output {
            Output::Json => printer.event(Event::StageStarted { stage: &name, last_seconds }),
            Output::Text if spinner.is_none() => printer.talk(format_args!("{name} …")),
            Output::Text => {}
        }
        Self { printer, name, started: Instant::now(), spinner, lines: Vec::new(), shown: Vec::new(), ended: false }
    }

    /// What the stage is doing now; lines after the first are the newest of what is printed there. Off a terminal each line is
    /// printed once.
    pub fn update(&mut self, text: impl AsRef<str>) {
        let mut lines = text.as_ref().lines();
        if let Some(spinner) = &self.spinner {
            spinner.set_message(lines.next().unwrap_or_default().to_owned());
            self.show_below(&lines.collect::<Vec<_>>());
            return;
        }
        for line in lines {
            if !self.shown.iter().any(|shown| shown == line) {
                match self.printer.output {
                    Output::Text => self.printer.talk(format_args!("{}: {line}", self.name)),
                    Output::Json => self.printer.event(Event::StageProgress { stage: &self.name, text: line }),
                }
                self.shown.push(line.to_owned());
            }
        }
    }

    /// Lines once drawn stay, so that the screen does not jump with every step that prints nothing.
    fn show_below(&mut self, lines: &[&str]) {
        while self.lines.len() < lines.len() {
            let Some(above) = self.lines.last().or(self.spinner.as_ref()) else { return };
            let line = ProgressBar::new_spinner().with_style(line_style());
            self.lines.push(self.printer.screen.insert_after(above, line));
        }
        for (index, bar) in self.lines.iter().enumerate() {
            bar.set_message(lines.get(index).copied().unwrap_or_default().to_owned());
        }
    }

    /// Ends the stage well; `text` says with what result and may be empty.
    pub fn done(mut self, text: impl AsRef<str>) {
        self.end(End::Good, self.elapsed().as_secs_f64(), text.as_ref());
    }

    /// Ends a stage well that was over before it was seen, and had taken so many seconds.
    pub fn done_unseen(mut self, seconds: f64) {
        match self.printer.output {
            Output::Text => self.end(End::Good, self.elapsed().as_secs_f64(), &format!("took {seconds:.1} s")),
            Output::Json => self.end(End::Good, seconds, ""),
        }
    }

    /// Ends the stage badly. The error itself is printed by the caller.
    pub fn fail(mut self, text: impl AsRef<str>) {
        self.end(End::Bad, self.elapsed().as_secs_f64(), text.as_ref());
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn end(&mut self, end: End, seconds: f64, text: &str) {
        self.ended = true;
        if self.printer.output == Output::Json {
            let (stage, seconds) = (self.name.as_str(), rounded(seconds));
            self.printer.event(match end {
                End::Good => Event::StageDone { stage, seconds, text },
                End::Bad => Event::StageFailed { stage, seconds, text },
            });
            return;
        }
        let mark = match end {
            End::Good => "✓",
            End::Bad => "✗",
        };
        let separator = if text.is_empty() { "" } else { ": " };
        for line in self.lines.drain(..) {
            line.finish_and_clear();
        }
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
            self.printer.talk(format_args!("{mark} {}{separator}{text}  {seconds:.1}s", self.name));
        } else {
            self.printer.talk(format_args!("{} … {mark} {seconds:.1}s{separator}{text}", self.name));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.ended {
            self.end(End::Bad, self.elapsed().as_secs_f64(), "");
        }
    }
}

fn line_style() -> ProgressStyle {
    ProgressStyle::with_template("    {wide_msg:.dim}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn spinner(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix}  {elapsed}  {wide_msg:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style).with_prefix(name.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
