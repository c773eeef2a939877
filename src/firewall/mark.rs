//! What the description of a rule of ours says: for whom it was opened, since when and until when.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Serialize;

/// Every description of ours begins so.
const PREFIX: &str = "veris: ";

/// EC2 takes descriptions of 255 characters; names of roles and sessions may fill 128.
const LONGEST_NAME: usize = 150;

/// `veris: user/ada since 2026-11-27T14:00:00Z until 2026-11-27T22:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Who asked for it, as `GetCallerIdentity` names them.
    pub by: String,
    pub since: Option<Timestamp>,
    /// `None` where it stays until somebody closes it.
    pub until: Option<Timestamp>,
}

impl Mark {
    /// `operator` is an ARN, whose end says who it is.
    pub fn new(operator: &str, now: Timestamp, lifetime: Option<Lifetime>) -> Self {
        let name = operator.rsplit_once(':').map_or(operator, |(_, name)| name);
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-/@+=,".contains(c) { c } else { '-' };
        let by = name.chars().map(plain).take(LONGEST_NAME).collect();
        Self { by, since: Some(now), until: lifetime.map(|Lifetime(lifetime)| now + lifetime) }
    }

    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.by)?;
        for (word, time) in [("since", self.since), ("until", self.until)] {
            if let Some(time) = time {
                write!(f, " {word} {}", time.strftime("%Y-%m-%dT%H:%M:%SZ"))?;
            }
        }
        Ok(())
    }
}

/// The description is not ours.
#[derive(Debug, PartialEq, Eq)]
pub struct NotOurs;

impl FromStr for Mark {
    type Err = NotOurs;

    /// A time that cannot be read counts as none, so that nothing is closed because of it.
    fn from_str(description: &str) -> Result<Self, NotOurs> {
        let mut words = description.strip_prefix(PREFIX).ok_or(NotOurs)?.split_whitespace();
        let by = words.next().unwrap_or_default().to_owned();
        let mut mark = Self { by, since: None, until: None };
        while let Some(word) = words.next() {
            match word {
                "since" => mark.since = words.next().and_then(|time| time.parse().ok()),
                "until" => mark.until = words.next().and_then(|time| time.parse().ok()),
                _ => {}
            }
        }
        Ok(mark)
    }
}

/// How long a rule stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(SignedDuration);

impl FromStr for Lifetime {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write how long, such as 30m, 8h or 2d, up to 365d".to_owned();
        let span: Span = text.parse().map_err(|_| wrong())?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        let longest = SignedDuration::from_hours(365 * 24);
        if duration < SignedDuration::from_secs(1) || duration > longest {
            return Err(wrong());
        }
        Ok(Self(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-27T14:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_description_says_for_whom_since_when_and_until_when() {
        let mark = Mark::new("arn:aws:iam::000000000000:user/ada", noon(), Some("8h".parse().unwrap()));
        let text = mark.to_string();
        assert_eq!(text, "veris: user/ada since 2026-11-27T14:00:00Z until 2026-11-27T22:00:00Z");
        assert_eq!(text.parse(), Ok(mark.clone()));
        assert!(!mark.is_over(noon()) && mark.is_over("2026-11-27T22:00:00Z".parse().unwrap()));

        let forever = Mark::new("arn:aws:sts::1:assumed-role/AWSReservedSSO_x/ada@example.org", noon(), None);
        assert_eq!(
            forever.to_string(),
            "veris: assumed-role/AWSReservedSSO_x/ada@example.org since 2026-11-27T14:00:00Z"
        );
        assert!(!forever.is_over(Timestamp::MAX));
    }

    #[test]
    fn what_others_wrote_is_not_ours_and_what_cannot_be_read_is_never_over() {
        for other in ["", "office", "Veris: user/ada", "for veris: user/ada until 2020-01-01T00:00:00Z", "veris:x"] {
            assert_eq!(other.parse::<Mark>(), Err(NotOurs), "{other}");
        }
        let changed: Mark = "veris: user/ada until tomorrow".parse().unwrap();
        assert_eq!((changed.by.as_str(), changed.is_over(Timestamp::MAX)), ("user/ada", false));
    }

    #[test]
    fn lifetimes_are_written_as_people_say_them() {
        let hours = |text: &str| text.parse::<Lifetime>().map(|Lifetime(duration)| duration.as_secs() / 60);
        assert_eq!((hours("30m"), hours("8h"), hours("2d")), (Ok(30), Ok(480), Ok(2880)));
        for wrong in ["", "8", "-8h", "0s", "400d", "tomorrow", "1mo"] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whoever_asks_the_description_is_one_that_ec2_takes(name in "\\PC{0,300}") {
            let text = Mark::new(&name, noon(), Some("8h".parse().unwrap())).to_string();
            assert!(text.len() <= 255, "{text}");
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)), "{text}");
            let read: Mark = text.parse().unwrap();
            assert!(read.until.is_some());
        }
    }
}
