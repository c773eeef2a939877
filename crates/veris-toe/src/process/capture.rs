//! What is kept of a program's output: the beginning of stdout for chaining, the last lines for the failure message.

use std::collections::VecDeque;

const MAX_OUTPUT: usize = 64 * 1024;
const TAIL_LINES: usize = 10;
const MAX_TAIL_LINE: usize = 300;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stdout => "Stdout",
            Self::Stderr => "Stderr",
        }
    }
}

#[derive(Default)]
pub(super) struct Capture {
    output: Vec<u8>,
    stdout: VecDeque<String>,
    stderr: VecDeque<String>,
}

impl Capture {
    pub(super) fn bytes(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Stdout {
            let room = MAX_OUTPUT - self.output.len();
            self.output.extend_from_slice(&bytes[..room.min(bytes.len())]);
        }
    }

    pub(super) fn line(&mut self, stream: Stream, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let lines = if stream == Stream::Stdout { &mut self.stdout } else { &mut self.stderr };
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line.chars().take(MAX_TAIL_LINE).collect());
    }

    /// Without the newlines at its end, as a shell's `$(…)` has it.
    pub(super) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output).trim_end_matches(['\n', '\r']).to_owned()
    }

    /// The last lines of stderr, or of stdout where stderr was silent; to be put behind a sentence.
    pub(super) fn tail(&self) -> String {
        let lines = if self.stderr.is_empty() { &self.stdout } else { &self.stderr };
        if lines.is_empty() {
            return "; it printed nothing".to_owned();
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        format!("; its last lines:\n  {}", lines.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let mut capture = Capture::default();
        for number in 0..100_000 {
            capture.bytes(Stream::Stdout, b"0123456789\n");
            capture.line(Stream::Stdout, &format!("line {number}"));
        }
        assert_eq!(capture.output.len(), MAX_OUTPUT);
        assert_eq!(capture.stdout.len(), TAIL_LINES);
        assert!(capture.tail().ends_with("line 99999"));
    }

    #[test]
    fn stderr_explains_better_than_stdout() {
        let mut capture = Capture::default();
        assert_eq!(capture.tail(), "; it printed nothing");
        capture.line(Stream::Stdout, "working");
        assert_eq!(capture.tail(), "; its last lines:\n  working");
        capture.line(Stream::Stderr, "no space left");
        assert_eq!(capture.tail(), "; its last lines:\n  no space left");
    }
}
