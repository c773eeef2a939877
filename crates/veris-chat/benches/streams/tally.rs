//! What all streams of a run have shown.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::conversation::Token;

/// Longer than anything that is waited for: values above it would count as it.
const LONGEST: Duration = Duration::from_mins(5);

/// For nanoseconds, to three digits.
pub(crate) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(u64::try_from(LONGEST.as_nanos())?, 3)?)
}

/// As results are given.
pub(crate) fn milliseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
}

/// Latencies are those between the moment when the last stream has begun and the moment when the first one ends: before and after, the
/// load is not what it is called.
#[derive(Debug)]
pub(crate) struct Tally {
    streams: u32,
    begun: u32,
    ended: u32,
    pub(crate) tokens: u64,
    disordered: u64,
    whole: u32,
    error: Option<String>,
    latencies: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new(streams: u32) -> anyhow::Result<Self> {
        let latencies = histogram()?;
        Ok(Self { streams, begun: 0, ended: 0, tokens: 0, disordered: 0, whole: 0, error: None, latencies })
    }

    /// Whether this was the last one to begin.
    pub(crate) fn begin(&mut self) -> bool {
        self.begun += 1;
        self.begun == self.streams
    }

    pub(crate) fn token(&mut self, token: Token, expected: u32, arrived: u64) {
        self.tokens += 1;
        self.disordered += u64::from(token.index != expected);
        if self.begun == self.streams && self.ended == 0 {
            self.latencies.saturating_record(arrived.saturating_sub(token.sent));
        }
    }

    /// A stream has ended: with everything, or with an error.
    pub(crate) fn end(&mut self, ended: anyhow::Result<bool>) {
        self.ended += 1;
        match ended {
            Ok(whole) => self.whole += u32::from(whole),
            Err(error) => {
                self.error.get_or_insert_with(|| format!("{error:#}"));
            }
        }
    }

    pub(crate) fn report(&self, tokens_each: u32, seconds: f64) -> Value {
        let asked = u64::from(tokens_each) * u64::from(self.streams);
        let at = |quantile| milliseconds(self.latencies.value_at_quantile(quantile));
        json!({
            "streams": self.streams, "whole": self.whole, "error": self.error,
            "tokens": self.tokens, "lost": asked.saturating_sub(self.tokens), "disordered": self.disordered,
            "timed": self.latencies.len(), "seconds": seconds,
            "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": milliseconds(self.latencies.max()),
        })
    }
}
