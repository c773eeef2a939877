//! Running a program of the host: an error shows the command, how it ended, and the last lines it wrote.

use std::process::Stdio;

use tokio::process::Command;

use crate::error::{Failure, internal};

/// Lines of a failed program's output that are shown.
const LINES: usize = 15;

/// Runs `command` to its end, without input, and answers what it wrote to stdout. It is killed when the future is dropped.
pub async fn run(mut command: Command) -> Result<Vec<u8>, Failure> {
    let shown = shown(&command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| internal(format!("failed to run `{shown}`")).source(error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    let said = String::from_utf8_lossy(said);
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let end = lines[lines.len().saturating_sub(LINES)..].join("\n  ");
    Err(internal(format!("`{shown}` ended with {}:\n  {end}", output.status)))
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_shows_command_status_and_output() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such package >&2; exit 3"]);
        insta::assert_snapshot!(run(command).await.unwrap_err(), @r"
        `sh -c echo no such package >&2; exit 3` ended with exit status: 3:
          no such package
        ");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = run(Command::new("/nonexistent/program")).await.unwrap_err();
        assert_eq!(error.to_string(), "failed to run `/nonexistent/program`");
    }
}
