//! One entry of a journal, from journald's JSON.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::instances;

/// What is asked for beside the time.
pub(super) const FIELDS: [&str; 4] = ["MESSAGE", "PRIORITY", "UNIT", "_SYSTEMD_UNIT"];

/// What matters of an entry.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    time: Timestamp,
    /// As syslog counts: 3 is an error, 4 a warning, 6 information.
    priority: Option<u8>,
    unit: Option<String>,
    message: String,
}

/// journald writes every number as a text.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    time: String,
    #[serde(rename = "PRIORITY")]
    priority: Option<String>,
    /// Of whom systemd itself speaks.
    #[serde(rename = "UNIT")]
    subject: Option<String>,
    #[serde(rename = "_SYSTEMD_UNIT")]
    speaker: Option<String>,
    #[serde(rename = "MESSAGE")]
    message: Value,
}

impl Entry {
    /// `None` where the line is none of journald's.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let Line { time, priority, subject, speaker, message } = serde_json::from_str(line).ok()?;
        let time = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
        let priority = priority.and_then(|priority| priority.parse().ok());
        Some(Self { time, priority, unit: subject.or(speaker), message: text(&message) })
    }
}

/// A message that is not text comes as its bytes; a field that stands twice as a list.
fn text(message: &Value) -> String {
    match message {
        Value::String(text) => text.clone(),
        Value::Array(bytes) if bytes.iter().all(Value::is_u64) => {
            let bytes: Vec<u8> = bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Value::Array(several) => several.iter().map(text).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let mut lines = self.message.lines().map(instances::plain);
        write!(f, "{time} {}", lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &str) -> Entry {
        let unit = r#""_SYSTEMD_UNIT":"chat.service","__CURSOR":"s=1""#;
        let line =
            format!(r#"{{"__REALTIME_TIMESTAMP":"1795788000123456","PRIORITY":"6",{unit},"MESSAGE":{message}}}"#);
        Entry::parse(&line).unwrap()
    }

    #[test]
    fn a_message_is_shown_with_its_time_and_cannot_drive_a_terminal() {
        let shown = entry(r#""listening\u001b[2J on 8000\r\nport: 8000""#).to_string();
        insta::assert_snapshot!(shown, @r"
        2026-11-27T14:00:00.123Z listening on 8000
            port: 8000
        ");
        assert_eq!(entry("[195,164,255]").message, "ä\u{fffd}");
        assert_eq!(entry(r#"["one","two"]"#).message, "one\ntwo");
        assert_eq!(entry("null").message, "");
    }

    #[test]
    fn programs_read_four_fields() {
        let json = serde_json::to_string(&entry(r#""hello""#)).unwrap();
        insta::assert_snapshot!(json, @r#"{"time":"2026-11-27T14:00:00.123456Z","priority":6,"unit":"chat.service","message":"hello"}"#);
    }

    #[test]
    fn what_is_no_entry_is_none() {
        for line in ["", "-- No entries --", "{}", r#"{"__REALTIME_TIMESTAMP":"soon","MESSAGE":""}"#] {
            assert_eq!(Entry::parse(line), None, "{line}");
        }
    }
}
