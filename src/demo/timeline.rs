//! The acts of the demo and how long each took.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::printer::Printer;

/// Acts in their order.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Timeline {
    acts: Vec<Act>,
}

#[derive(Debug, Serialize)]
struct Act {
    act: String,
    seconds: f64,
}

impl Timeline {
    /// Announces an act, plays it, and notes its time.
    pub async fn act<T>(
        &mut self,
        name: impl Into<String>,
        printer: &Printer,
        play: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let name = name.into();
        printer.talk(format_args!("\n{}. {name}", self.acts.len() + 1));
        let started = Instant::now();
        // The acts are large futures; this one must not hold them all on the stack.
        let result = Box::pin(play).await?;
        self.note(name, started.elapsed());
        Ok(result)
    }

    fn note(&mut self, act: String, took: Duration) {
        self.acts.push(Act { act, seconds: (took.as_secs_f64() * 10.0).round() / 10.0 });
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.acts.iter().map(|act| act.act.chars().count()).max().unwrap_or(0).max("Total".len());
        for Act { act, seconds } in &self.acts {
            writeln!(f, "  {act:width$}  {seconds:>7.1} s")?;
        }
        let total: f64 = self.acts.iter().map(|act| act.seconds).sum();
        writeln!(f, "  {:width$}  {total:>7.1} s", "Total")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeline_is_a_table_with_a_sum() {
        let mut timeline = Timeline::default();
        timeline.note("Bake 1.0.0".to_owned(), Duration::from_millis(81_240));
        timeline.note("Roll back".to_owned(), Duration::from_millis(990));
        insta::assert_snapshot!(format!("{timeline}"), @r"
          Bake 1.0.0     81.2 s
          Roll back       1.0 s
          Total          82.2 s
        ");
    }
}
