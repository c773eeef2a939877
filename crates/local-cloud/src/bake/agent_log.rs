//! What the agent of a build or test instance has written so far.
//!
//! `run.sh` writes marker lines beginning with `::`, the component runner writes `[phase] [step] line` for what steps print and
//! `2026-11-25T10:00:00Z Step Install` for what it does itself, and anything else may come in between: the log is read while it
//! grows, and a guest may end in the middle of a line.

use jiff::Timestamp;
use serde::Deserialize;

/// How many of the newest lines are told while a step runs.
const NEWEST: usize = 4;

/// A log, as far as it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentLog {
    /// The component that runs or ran last; none before the first one.
    pub position: Option<Position>,
    /// Whether all components are done and the instance is being cleaned.
    pub sanitizing: bool,
    /// How often the instance has asked to be powered on again.
    pub reboots: usize,
    /// Exit status of `run.sh`, once it has come to its end.
    pub exit: Option<i32>,
    /// What the runner said about the last component it has finished.
    pub summary: Option<Summary>,
    /// The newest lines that say something: of the running step where one runs, at most four.
    pub newest: Vec<String>,
}

/// Where in the components a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Index among the seed's components.
    pub component: usize,
    /// Phase and step of the newest line.
    pub step: Option<(String, String)>,
}

/// What AWSTOE prints at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    pub status: String,
    pub failure_message: String,
}

/// The step that a component failed in, as the runner's message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedStep<'a> {
    pub phase: &'a str,
    pub step: &'a str,
    pub action: &'a str,
    /// What went wrong in it.
    pub error: &'a str,
}

impl Summary {
    /// Reads ``document …: phase `build`: step `Install` (ExecuteBash): what went wrong``.
    pub fn failed_step(&self) -> Option<FailedStep<'_>> {
        let (_, rest) = self.failure_message.split_once("phase `")?;
        let (phase, rest) = rest.split_once("`: step `")?;
        let (step, rest) = rest.split_once("` (")?;
        let (action, error) = rest.split_once("): ")?;
        Some(FailedStep { phase, step, action, error: error.trim() })
    }
}

/// Reads a log. Whatever is in it, this succeeds; an unfinished last line does not count.
pub fn parse(log: &str) -> AgentLog {
    let mut read = AgentLog::default();
    for line in complete_lines(log) {
        match line.strip_prefix("::").map(|marker| marker.split_once(' ').unwrap_or((marker, ""))) {
            Some(("component", index)) => {
                if let Ok(component) = index.parse() {
                    read.position = Some(Position { component, step: None });
                    read.summary = None;
                    read.newest.clear();
                }
            }
            Some(("summary", json)) => read.summary = serde_json::from_str(json).ok(),
            Some(("sanitize", _)) => read.sanitizing = true,
            Some(("reboot", _)) => read.reboots += 1,
            Some(("exit", status)) => read.exit = status.parse().ok(),
            _ => read_output(line, &mut read),
        }
    }
    read
}

fn read_output(line: &str, read: &mut AgentLog) {
    let text = plain(line);
    if let Some(note) = note(&text) {
        read_note(note, read);
        return;
    }
    if text.is_empty() {
        return;
    }
    let said = match (&mut read.position, step_of(&text)) {
        (Some(position), Some((phase, step, said))) => {
            position.step = Some((phase.to_owned(), step.to_owned()));
            said.to_owned()
        }
        _ => text,
    };
    if read.newest.len() == NEWEST {
        read.newest.remove(0);
    }
    read.newest.push(said);
}

/// A step that prints nothing is known by what the runner notes when it begins.
fn read_note(note: &str, read: &mut AgentLog) {
    let Some(position) = &mut read.position else { return };
    if let Some(phase) = note.strip_prefix("Phase ") {
        position.step = Some((phase.to_owned(), String::new()));
    } else if let (Some(step), Some((_, running))) = (note.strip_prefix("Step "), &mut position.step) {
        step.clone_into(running);
        read.newest.clear();
    }
}

/// What follows the time in a line of the runner about itself.
fn note(line: &str) -> Option<&str> {
    let (time, note) = line.split_once(' ')?;
    time.parse::<Timestamp>().ok().map(|_| note)
}

/// Phase, step and line of `[phase] [step] line`.
fn step_of(line: &str) -> Option<(&str, &str, &str)> {
    let (phase, rest) = line.strip_prefix('[')?.split_once("] [")?;
    let (step, said) = rest.split_once(']')?;
    (!phase.is_empty() && !step.is_empty()).then(|| (phase, step, said.trim_start()))
}

/// The last lines that a component or the agent itself has written, without markers and what the runner notes of itself.
pub fn tail(log: &str, lines: usize) -> String {
    let said = |line: &&str| !line.starts_with("::") && !plain(line).is_empty() && note(&plain(line)).is_none();
    let mut newest: Vec<String> = log.lines().rev().filter(said).take(lines).map(plain).collect();
    newest.reverse();
    newest.join("\n")
}

fn complete_lines(log: &str) -> impl Iterator<Item = &str> {
    log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(|line| line.trim_end_matches('\r'))
}

/// A line without control characters and colours; of a progress bar that rewrites its line, what it showed last.
fn plain(line: &str) -> String {
    let shown = line.trim_end_matches('\r');
    let shown = shown.rsplit('\r').next().unwrap_or_default();
    let mut text = String::new();
    let mut rest = shown.chars();
    while let Some(c) = rest.next() {
        match c {
            // An escape sequence ends with its first letter.
            '\u{1b}' => {
                let _ = rest.by_ref().find(char::is_ascii_alphabetic);
            }
            '\t' => text.push(' '),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILED: &str = "agent: unpacked\n::component 0\n[build] [Install] copying\n::summary {\"status\":\"success\"}\n\
        ::component 1\n[build] [Unit] \u{1b}[31mno such unit\u{1b}[0m\n[build] [Unit] 10%\r50%\rstopped\n\
        ::summary {\"status\":\"failed\",\"failureMessage\":\"step Unit failed\"}\n::exit 1\n";

    #[test]
    fn a_failed_run_tells_component_step_and_message() {
        let log = parse(FAILED);
        let step = Some(("build".to_owned(), "Unit".to_owned()));
        assert_eq!(log.position, Some(Position { component: 1, step }));
        assert_eq!(log.summary.unwrap().failure_message, "step Unit failed");
        assert_eq!(log.exit, Some(1));
        assert_eq!(tail(FAILED, 2), "[build] [Unit] no such unit\nstopped");
    }

    #[test]
    fn a_running_step_is_known_before_it_prints_and_by_its_last_lines() {
        let begun = "::component 0\n2026-11-25T10:00:00.5Z Phase build\n2026-11-25T10:00:01Z Step Install\n";
        let log = parse(begun);
        assert_eq!(log.position.unwrap().step, Some(("build".to_owned(), "Install".to_owned())));
        assert_eq!((log.newest.len(), tail(begun, 3)), (0, String::new()));
        let printed: Vec<String> = (1..=6).map(|line| format!("[build] [Install] line {line}\n")).collect();
        let printed = printed.concat();
        assert_eq!(parse(&format!("{begun}{printed}")).newest, ["line 3", "line 4", "line 5", "line 6"]);
        let next = parse(&format!("{begun}{printed}2026-11-25T10:00:02Z Step Start\n"));
        assert_eq!((next.position.unwrap().step.unwrap().1.as_str(), next.newest.len()), ("Start", 0));
    }

    #[test]
    fn the_runners_message_tells_the_step() {
        let failure_message =
            "document /x/0.yaml: phase `build`: step `Break` (ExecuteBash): bash: (no): such".to_owned();
        let summary = Summary { failure_message, ..Summary::default() };
        let step = FailedStep { phase: "build", step: "Break", action: "ExecuteBash", error: "bash: (no): such" };
        assert_eq!(summary.failed_step(), Some(step));
        assert_eq!(Summary::default().failed_step(), None);
    }

    #[test]
    fn an_unfinished_exit_line_is_no_exit() {
        assert_eq!(parse("::exit 1").exit, None);
        assert_eq!(parse("::exit 1\n").exit, Some(1));
        assert_eq!(parse("[build] [S] ::exit 0\n").exit, None);
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(log in "(?s).*", lines in 0usize..9) {
            let read = parse(&log);
            prop_assert!(tail(&log, lines).lines().count() <= lines);
            prop_assert!(read.newest.len() <= NEWEST);
            prop_assert!(!read.newest.concat().chars().any(char::is_control));
        }

        /// Reading while the log grows never tells what the whole log does not tell.
        #[test]
        fn a_run_moves_forward_only(cut in 0usize..FAILED.len()) {
            let Some(part) = FAILED.get(..cut) else { return Ok(()) };
            let (early, whole) = (parse(part), parse(FAILED));
            prop_assert!(early.exit.is_none());
            let index = |log: &AgentLog| log.position.as_ref().map(|position| position.component);
            prop_assert!(index(&early) <= index(&whole));
        }

        /// What a component prints behind the runner's prefix cannot be taken for a marker.
        #[test]
        fn output_cannot_forge_a_marker(output in "[^\n]*") {
            let log = format!("::component 0\n[test] [Smoke] {output}\n");
            let read = parse(&log);
            prop_assert_eq!(read.exit, None);
            prop_assert!(!read.sanitizing);
            prop_assert_eq!(read.position.unwrap().component, 0);
        }
    }
}
