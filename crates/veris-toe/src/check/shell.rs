//! Scripts of `ExecuteBash`, read by bash without running them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Finding, Rule};
use crate::expression::Template;
use crate::yaml::{Node, Span};

/// Every script of a document that bash cannot read.
pub(super) fn scripts(tree: &Node<'_>) -> Vec<Finding> {
    let phases = tree.items_under("phases");
    let mut findings = Vec::new();
    for phase in phases {
        for step in phase.items_under("steps") {
            if step.text_under("action") == "ExecuteBash"
                && let Some(mut finding) = script(step)
            {
                finding.phase = Some(phase.text_under("name").to_owned());
                finding.step = Some(step.text_under("name").to_owned());
                findings.push(finding);
            }
        }
    }
    findings
}

fn script(step: &Node<'_>) -> Option<Finding> {
    let commands = step.entry("inputs")?.value.entry("commands")?.value.items()?;
    let mut text = String::new();
    let mut lines = Vec::new();
    for command in commands {
        let scalar = command.scalar()?;
        // A name in place of each reference keeps the lines and is a word anywhere in a script.
        let rendered =
            Template::parse(&scalar.text).render(|_| Ok::<_, std::convert::Infallible>(Some("x".to_owned())));
        let Ok(rendered) = rendered;
        let mut offset = 0;
        for line in scalar.text.split('\n') {
            lines.push(command.place(offset));
            offset += line.len() + 1;
        }
        text.push_str(&rendered);
        text.push('\n');
    }
    let (line, message) = syntax_error(&text)?;
    // The end of the script is behind its last line.
    let place = lines.get(line - 1).or(lines.last()).copied().unwrap_or(step.span.start);
    let place = Span::in_line(place.line, place.column..place.column + 1);
    Some(
        Finding::error(Rule::ShellSyntax, place, format!("bash cannot read the script: {message}"))
            .cure("see the lines above too: what is left open is told where bash misses its end"),
    )
}

/// The line, counted from 1, and what is wrong there; `None` where nothing is, and where there is no bash.
fn syntax_error(script: &str) -> Option<(usize, String)> {
    let mut command = Command::new("bash");
    command.args(["--norc", "-n", "/dev/stdin"]).env_clear().env("LC_ALL", "C");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
    // A bash that stops at an error reads no further.
    let _ = child.stdin.take()?.write_all(script.as_bytes());
    let output = child.wait_with_output().ok()?;
    if output.status.success() {
        return None;
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let first = words.lines().find_map(|line| {
        let (number, message) = line.split_once("line ")?.1.split_once(": ")?;
        Some((number.parse::<usize>().ok()?.max(1), message.to_owned()))
    });
    Some(first.unwrap_or((1, words.trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bash_tells_the_line() {
        assert_eq!(syntax_error("set -e\necho \"$(date)\"\n"), None);
        let (line, message) = syntax_error("true\nif true; then\n  echo\ndone\n").unwrap();
        assert_eq!(line, 4);
        assert!(message.starts_with("syntax error near unexpected token"), "{message}");
    }
}
