//! Whether this machine's clock is right: a signature is good for some minutes before and after the time in it.

use anyhow::Result;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::error::{Failure, cloud, user};

/// Most services take a signature of five minutes ago; S3 and STS one of fifteen.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The answer is asked for its `Date`, which it has also where the signature is refused for its time.
pub(super) async fn check(context: &Context) -> Result<String> {
    let before = Timestamp::now();
    let fields = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = context.clients.signed.sts(&fields.map(|(name, value)| (name.to_owned(), value.to_owned()))).await?;
    let after = Timestamp::now();
    let date = answer.date.as_deref().and_then(|date| rfc2822::parse(date).ok());
    let theirs =
        date.ok_or_else(|| cloud("STS answered without the time, so the clock cannot be compared"))?.timestamp();
    // The answer was given somewhere between.
    let ours = before + after.duration_since(before) / 2;
    Ok(judge(ours, theirs)?)
}

fn judge(ours: Timestamp, theirs: Timestamp) -> Result<String, Failure> {
    let off = ours.duration_since(theirs);
    let seconds = off.as_secs().abs();
    let how = if off.is_negative() { "behind" } else { "ahead of" };
    if off.abs() > TOLERANCE {
        let minutes = seconds / 60;
        return Err(user(format!(
            "this machine's clock is {minutes} minutes {how} AWS's, which refuses signatures that are more than 5 minutes off \
             (S3 and STS: 15)"
        ))
        .hint("set the clock: `sudo timedatectl set-ntp true`, or `sudo chronyc makestep`; in a virtual machine, resume its time service"));
    }
    // AWS tells whole seconds.
    Ok(if seconds <= 1 { "right to a second".to_owned() } else { format!("{seconds} s {how} AWS's") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_are_forgiven_and_six_are_named_with_the_cure() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let theirs = rfc2822::parse("Fri, 27 Nov 2026 18:00:00 GMT").unwrap().timestamp();
        assert_eq!(judge(at("2026-11-27T18:00:00.9Z"), theirs).unwrap(), "right to a second");
        assert_eq!(judge(at("2026-11-27T17:55:01Z"), theirs).unwrap(), "299 s behind AWS's");
        let wrong = judge(at("2026-11-27T18:20:30Z"), theirs).unwrap_err().to_string();
        assert!(wrong.starts_with("this machine's clock is 20 minutes ahead of AWS's"), "{wrong}");
    }
}
