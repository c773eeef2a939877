//! Progress of one stage: a spinner on a terminal, plain lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Printer;

/// One stage under way. A stage that is dropped without [`Stage::done`] is shown as failed.
#[derive(Debug)]
pub struct Stage {
    printer: Printer,
    name: String,
    started: Instant,
    spinner: Option<ProgressBar>,
    /// What was shown already: off a terminal, a service that flaps while it starts would fill pages.
    shown: Vec<String>,
    ended: bool,
}

impl Stage {
    pub(super) fn new(printer: Printer, name: String) -> Self {
        let spinner = printer.terminal.then(|| printer.screen.add(spinner(&name)));
        if spinner.is_none() {
            printer.talk(format_args!("{name} …"));
        }
        Self { printer, name, started: Instant::now(), spinner, shown: Vec::new(), ended: false }
    }

    /// What the stage is doing now. Off a terminal each text is printed once.
    pub fn update(&mut self, text: impl Into<String>) {
        let text = text.into();
        if let Some(spinner) = &self.spinner {
            spinner.set_message(text);
        } else if !self.shown.contains(&text) {
            self.printer.talk(format_args!("{}: {text}", self.name));
            self.shown.push(text);
        }
    }

    /// Ends the stage well; `text` says with what result and may be empty.
    pub fn done(mut self, text: impl AsRef<str>) {
        self.end("✓", text.as_ref());
    }

    /// Ends the stage badly. The error itself is printed by the caller.
    pub fn fail(mut self, text: impl AsRef<str>) {
        self.end("✗", text.as_ref());
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn end(&mut self, mark: &str, text: &str) {
        self.ended = true;
        let seconds = self.started.elapsed().as_secs_f64();
        let separator = if text.is_empty() { "" } else { ": " };
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
            self.end("✗", "");
        }
    }
}

fn spinner(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix}  {elapsed}  {wide_msg:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style).with_prefix(name.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
