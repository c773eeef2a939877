//! How long ago: by the instance's clock, so that it does not matter whether this machine's is right.

use std::fmt;
use std::str::FromStr;

use jiff::{Span, SpanRelativeTo};

/// Whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since(i64);

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write how long ago, such as 90s, 10m, 8h or 2d".to_owned();
        let span: Span = text.parse().map_err(|_| wrong())?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        match duration.as_secs() {
            seconds @ 1.. => Ok(Self(seconds)),
            _ => Err(wrong()),
        }
    }
}

/// As journalctl reads it.
impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{}s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_say_them() {
        let seconds = |text: &str| text.parse::<Since>().map(|since| since.to_string());
        assert_eq!(seconds("90s"), Ok("-90s".to_owned()));
        assert_eq!(seconds("2d"), Ok("-172800s".to_owned()));
        for wrong in ["", "10", "-10m", "0s", "yesterday", "$(reboot)"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
