//! What clients and Bedrock say to each other through the server.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds on the clock that all processes of a machine share.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default() * 1_000_000_000 + nanoseconds.unwrap_or_default()
}

/// The question: what the client wants to be told, and how fast.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Question {
    /// Different for every stream of a server's life.
    pub(crate) id: u64,
    pub(crate) tokens: u32,
    pub(crate) gap_us: u64,
}

impl Question {
    pub(crate) fn gap(self) -> Duration {
        Duration::from_micros(self.gap_us)
    }

    /// The last line: servers put passages of documents before it.
    pub(crate) fn in_text(text: &str) -> Option<Self> {
        serde_json::from_str(text.lines().next_back()?).ok()
    }

    /// As the text of a message.
    pub(crate) fn text(self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// One token of the answer, which knows when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) index: u32,
    pub(crate) sent: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} ", self.index, self.sent)
    }
}

impl FromStr for Token {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text
            .trim_end()
            .split_once('@')
            .and_then(|(index, sent)| Some(Self { index: index.parse().ok()?, sent: sent.parse().ok()? }));
        parsed.ok_or_else(|| anyhow::anyhow!("`{text}` is not a token of this bench"))
    }
}
