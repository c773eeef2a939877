//! The only loop that polls: it waits for a level, several times in a row, up to a deadline.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::error::{Failure, cloud};
use crate::printer::Stage;

/// How long and how often to look.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub deadline: Duration,
    pub every: Duration,
    /// Good looks in a row that are asked for: one good answer of a service that is about to fall proves little.
    pub streak: u32,
}

/// What one look saw. A state that can never become good is an error of the look.
#[derive(Debug)]
pub enum Seen<T> {
    Good(T),
    /// What is missing, for the progress line and the error.
    NotYet(String),
}

/// Looks until it was good `patience.streak` times in a row; `what` names the awaited state in the error.
pub async fn until<T>(
    patience: Patience,
    what: &str,
    stage: &mut Stage,
    mut look: impl AsyncFnMut() -> Result<Seen<T>>,
) -> Result<T> {
    let started = Instant::now();
    let mut streak = 0;
    loop {
        let missing = match look().await? {
            Seen::Good(value) => {
                streak += 1;
                if streak >= patience.streak {
                    return Ok(value);
                }
                format!("good, {streak} of {} in a row", patience.streak)
            }
            Seen::NotYet(missing) => {
                streak = 0;
                stage.update(&missing);
                missing
            }
        };
        if started.elapsed() >= patience.deadline {
            return Err(late(what, patience.deadline, &missing).into());
        }
        tokio::time::sleep(patience.every).await;
    }
}

fn late(what: &str, deadline: Duration, missing: &str) -> Failure {
    cloud(format!("waited {} s in vain until {what}; last seen: {missing}", deadline.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::{Output, Printer};

    const PATIENCE: Patience =
        Patience { deadline: Duration::from_millis(40), every: Duration::from_millis(1), streak: 3 };

    #[tokio::test]
    async fn a_single_good_look_is_not_enough() {
        let mut looks = [true, true, false, true, true, true].into_iter();
        let mut stage = Printer::new(Output::Text).stage("test");
        until(PATIENCE, "it is good", &mut stage, async || {
            Ok(if looks.next().unwrap() { Seen::Good(()) } else { Seen::NotYet("flaps".to_owned()) })
        })
        .await
        .unwrap();
        assert_eq!(looks.next(), None);
    }

    #[tokio::test]
    async fn the_error_says_what_was_missing_at_the_end() {
        let mut stage = Printer::new(Output::Text).stage("test");
        let look = async || Ok(Seen::<()>::NotYet("connection refused".to_owned()));
        let error = until(PATIENCE, "the service answers", &mut stage, look).await.unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s in vain until the service answers; last seen: connection refused");
    }
}
