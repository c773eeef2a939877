//! When an attempt has to be over.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    limit: Option<Duration>,
    /// `None` also where the limit lies beyond what the clock can tell.
    end: Option<Instant>,
}

impl Deadline {
    pub(crate) fn starting_now(limit: Option<Duration>) -> Self {
        Self { limit, end: limit.and_then(|limit| Instant::now().checked_add(limit)) }
    }

    pub(crate) fn limit(self) -> Duration {
        self.limit.unwrap_or(Duration::MAX)
    }

    /// `None` without a limit.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.end.map(|end| end.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.remaining().is_some_and(|remaining| remaining.is_zero())
    }
}
