//! What decides whether and how often a step runs: `if`, `loop`, `timeoutSeconds` and `maxAttempts`.

use std::num::{NonZeroI64, NonZeroU32};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Branch, If, Loop, Over, Problem};
use crate::action::ActionName;
use crate::condition::Condition;
use crate::expression::is_loop_name;
use crate::yaml::Node;

const DEFAULT_TIMEOUT_SECONDS: i64 = 7200;
const DELIMITERS: [&str; 9] = [".", ",", ";", ":", "\n", "\t", " ", "-", "_"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawLoop {
    name: Option<String>,
    r#for: Option<RawRange>,
    for_each: Option<RawForEach>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawRange {
    start: String,
    end: String,
    update_by: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`forEach` is a list of texts, or a text under `list` with its `delimiter`")]
enum RawForEach {
    List(Vec<String>),
    Split(RawSplit),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSplit {
    list: String,
    delimiter: Option<String>,
}

/// Of a step's `if`.
pub(super) fn condition(node: &Node<'_>) -> Result<If, String> {
    let Json::Object(mut test) = node.json() else {
        return Err("`if` is an operator with its operands, such as `fileExists: /etc/os-release`".to_owned());
    };
    // The guide's grammar has `then` and `else` below the operator, most of its examples beside it.
    for key in ["then", "else"] {
        let below = test.values_mut().find_map(|operand| operand.as_object_mut()?.shift_remove(key));
        if let Some(below) = below {
            test.entry(key).or_insert(below);
        }
    }
    let mut branch = |key, default| match test.shift_remove(key) {
        None => Ok(default),
        Some(value) => {
            Branch::deserialize(&value).map_err(|_| format!("`{key}` is {value}; it is one of Execute, Skip and Abort"))
        }
    };
    let then = branch("then", Branch::Execute)?;
    let r#else = branch("else", Branch::Skip)?;
    if test.is_empty() {
        return Err("`if` has no operator".to_owned());
    }
    let test = Json::Object(test);
    Condition::parse(&test)?;
    Ok(If { test, then, r#else })
}

/// Of a step's `loop`.
pub(super) fn repetition(node: &Node<'_>) -> Result<Loop, String> {
    let raw = RawLoop::deserialize(node.json()).map_err(|error| error.to_string())?;
    if let Some(name) = raw.name.as_deref().filter(|name| *name == "loop" || !is_loop_name(name)) {
        return Err(format!("`{name}` is no valid name; use 1 to 128 letters, digits, `_` or `-`, and not `loop`"));
    }
    let over = match (raw.r#for, raw.for_each) {
        (Some(range), None) => over_range(&range)?,
        (None, Some(RawForEach::List(list))) if list.is_empty() => return Err("the list is empty".to_owned()),
        (None, Some(RawForEach::List(list))) => Over::List(list),
        (None, Some(RawForEach::Split(RawSplit { list, delimiter }))) => {
            let delimiter = delimiter.unwrap_or_else(|| ",".to_owned());
            if !DELIMITERS.contains(&delimiter.as_str()) {
                return Err(format!("`delimiter` is `{delimiter}`; use one of . , ; : - _ space, newline and tab"));
            }
            Over::Split { list, delimiter }
        }
        _ => return Err("it has either `for` or `forEach`".to_owned()),
    };
    Ok(Loop { name: raw.name, over })
}

fn over_range(range: &RawRange) -> Result<Over, String> {
    let whole = |key: &str, text: &str| {
        text.parse::<i64>()
            .map_err(|_| format!("`{key}` is {text}, and takes a whole number; values of references cannot be used"))
    };
    let (start, end) = (whole("start", &range.start)?, whole("end", &range.end)?);
    let update_by = whole("updateBy", &range.update_by)?;
    let update_by = NonZeroI64::new(update_by).ok_or("`updateBy` is 0, so it would never end")?;
    if start != end && (start < end) != update_by.is_positive() {
        return Err(format!("`updateBy` is {update_by}, which never leads from {start} to {end}"));
    }
    Ok(Over::Range { start, end, update_by })
}

/// `None` is no limit.
pub(super) fn timeout(action: ActionName, written: Option<i64>) -> Result<Option<Duration>, Problem> {
    let fixed = |reason: &str| {
        let found = written.unwrap_or_default();
        Err(Problem::FixedKey { key: "timeoutSeconds", found, reason: format!("{action} {reason}") })
    };
    match (action.as_str(), written) {
        ("Reboot", None) | ("ExecuteDocument", None | Some(-1)) => Ok(None),
        ("Reboot", Some(_)) => fixed("has no time limit"),
        ("ExecuteDocument", Some(_)) => fixed("runs without a limit of its own, its steps have theirs"),
        (_, Some(-1)) => Ok(None),
        (_, written) => match u64::try_from(written.unwrap_or(DEFAULT_TIMEOUT_SECONDS)) {
            Ok(seconds @ 1..) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(Problem::Timeout { found: written.unwrap_or_default() }),
        },
    }
}

pub(super) fn max_attempts(action: ActionName, written: Option<i64>) -> Result<NonZeroU32, Problem> {
    let found = written.unwrap_or(1);
    if action.as_str() == "ExecuteDocument" && found != 1 {
        let reason = format!("{action} is attempted once, its steps as often as they say");
        return Err(Problem::FixedKey { key: "maxAttempts", found, reason });
    }
    u32::try_from(found).ok().and_then(NonZeroU32::new).ok_or(Problem::MaxAttempts { found })
}
