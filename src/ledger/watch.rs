//! Whether a deployment that is under way is still led by anybody.

use std::time::Duration;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::lease::{LENGTH, RENEWAL};
use super::{Entry, Ledger};
use crate::context::Context;
use crate::error::{Failure, cloud};
use crate::wait::{self, Patience, Seen};

/// AWS refuses requests of a clock that is further off.
const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How often an entry is looked at whose holder may be gone.
const WATCH: Patience = Patience { deadline: LENGTH, every: Duration::from_secs(3), streak: 1 };

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It was renewed a moment ago.
    Led,
    /// It was not renewed as it should have been; only watching it tells.
    Doubtful,
    /// Its process is gone, or nobody has renewed it for longer than any clock can be wrong.
    Left,
}

/// Answers when nobody leads the deployment any more; an error says who does, and since when.
pub async fn settle(context: &Context, ledger: &Ledger, entry: &Entry) -> Result<()> {
    match judge(entry, Timestamp::now(), entry.record.by.process.is_gone()) {
        Verdict::Left => Ok(()),
        Verdict::Led => look_again(context, ledger, entry).await,
        Verdict::Doubtful => watch(context, ledger, entry).await,
    }
}

fn judge(entry: &Entry, now: Timestamp, process_is_gone: bool) -> Verdict {
    let age = now.duration_since(entry.written);
    if process_is_gone || age > LARGEST_SKEW + seconds(LENGTH) {
        Verdict::Left
    } else if age < seconds(RENEWAL * 2) {
        Verdict::Led
    } else {
        Verdict::Doubtful
    }
}

/// The Parameter Store may show for a moment what was before, and then it has ended.
async fn look_again(context: &Context, ledger: &Ledger, entry: &Entry) -> Result<()> {
    const LOOKS: u32 = 3;
    for _ in 0..LOOKS {
        tokio::time::sleep(context.pace.every).await;
        if ledger.has_ended(entry.record.number).await? {
            return Ok(());
        }
    }
    Err(held(entry).into())
}

/// No clock but our own counts here: a holder who lives renews within the length of the lease.
async fn watch(context: &Context, ledger: &Ledger, entry: &Entry) -> Result<()> {
    let number = entry.record.number;
    let mut stage = context.printer.stage(format!("Wait until nobody leads deployment {number} ({})", entry.record.by));
    let began = tokio::time::Instant::now();
    let patience = Patience { deadline: LENGTH * 2, ..WATCH };
    let watched = wait::until(patience, "the deployment is left", &mut stage, async || {
        let Some(now) = ledger.get(number).await? else { return Ok(Seen::Good(())) };
        if now.revision != entry.revision && now.record.is_under_way() {
            return Err(held(&now).into());
        }
        let is_over = !now.record.is_under_way() || began.elapsed() >= LENGTH;
        Ok(if is_over { Seen::Good(()) } else { Seen::NotYet("it has not been renewed".to_owned()) })
    });
    watched.await?;
    stage.done("");
    Ok(())
}

fn held(entry: &Entry) -> Failure {
    let record = &entry.record;
    let version = record.task.as_ref().map(|task| format!(" of {}", task.to.version)).unwrap_or_default();
    let since = record.began.strftime("%Y-%m-%d %H:%M:%S UTC");
    cloud(format!(
        "deployment {}, a {}{version}, is under way: {} leads it since {since}",
        record.number,
        record.kind.noun(),
        record.by
    ))
    .hint("wait until it has ended; where its process has died, the same command takes over within a minute or two")
}

fn seconds(duration: Duration) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::{Holder, Kind, Record};
    use super::*;

    #[test]
    fn a_deployment_is_taken_over_only_when_no_clock_can_be_wrong_enough() {
        let written: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let record = Record::begin(Kind::Launch, Holder::for_tests(1), None, None);
        let entry = Entry { record, revision: 1, written };
        let after = |seconds| written + SignedDuration::from_secs(seconds);
        assert_eq!(judge(&entry, after(0), false), Verdict::Led);
        assert_eq!(judge(&entry, after(-200), false), Verdict::Led, "our clock may be late");
        assert_eq!(judge(&entry, after(31), false), Verdict::Doubtful);
        assert_eq!(judge(&entry, after(300), false), Verdict::Doubtful, "our clock may be early");
        assert_eq!(judge(&entry, after(361), false), Verdict::Left);
        assert_eq!(judge(&entry, after(0), true), Verdict::Left);
        assert!(held(&entry).to_string().contains("user/ada on here leads it since"));
    }
}
