//! Comparison operators. The first operand is the baseline, the second what is compared with it.

use std::cmp::Ordering;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use regex_lite::{Regex, RegexBuilder};

use super::ConditionError;
use crate::download::checksum::{Algorithm, Checksum};
use crate::expression::Template;

/// Longer operands are cut in messages.
const MAX_SHOWN: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    operator: &'static str,
    test: Test,
    baseline: String,
    /// Empty for operators of one operand.
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    IsEmpty,
    IsWhitespace,
    Text(Order),
    Pattern,
    Number(Order),
    Binary,
    File,
    Folder,
    Checksum(Algorithm),
}

/// How the value has to stand to the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

static OPERATORS: [(&str, Test); 20] = [
    ("binaryExists", Test::Binary),
    ("fileExists", Test::File),
    ("fileMD5Equals", Test::Checksum(Algorithm::Md5)),
    ("fileSHA1Equals", Test::Checksum(Algorithm::Sha1)),
    ("fileSHA256Equals", Test::Checksum(Algorithm::Sha256)),
    ("fileSHA512Equals", Test::Checksum(Algorithm::Sha512)),
    ("folderExists", Test::Folder),
    ("numberEquals", Test::Number(Order::Equal)),
    ("numberGreaterThan", Test::Number(Order::Greater)),
    ("numberGreaterThanEquals", Test::Number(Order::GreaterOrEqual)),
    ("numberLessThan", Test::Number(Order::Less)),
    ("numberLessThanEquals", Test::Number(Order::LessOrEqual)),
    ("patternMatches", Test::Pattern),
    ("stringEquals", Test::Text(Order::Equal)),
    ("stringGreaterThan", Test::Text(Order::Greater)),
    ("stringGreaterThanEquals", Test::Text(Order::GreaterOrEqual)),
    ("stringIsEmpty", Test::IsEmpty),
    ("stringIsWhitespace", Test::IsWhitespace),
    ("stringLessThan", Test::Text(Order::Less)),
    ("stringLessThanEquals", Test::Text(Order::LessOrEqual)),
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

/// The key of the second operand, where the operator has one.
pub(super) fn second_operand(operator: &str) -> Option<&'static str> {
    let (_, test) = OPERATORS.iter().find(|(name, _)| *name == operator)?;
    match test {
        Test::Checksum(_) => Some("path"),
        Test::Text(_) | Test::Pattern | Test::Number(_) => Some("value"),
        Test::IsEmpty | Test::IsWhitespace | Test::Binary | Test::File | Test::Folder => None,
    }
}

impl Comparison {
    /// A pattern or checksum without references is checked here already.
    pub(super) fn new(operator: &str, baseline: String, value: String) -> Result<Self, String> {
        let found = OPERATORS.iter().find(|(name, _)| *name == operator);
        let (operator, test) = *found.ok_or_else(|| format!("there is no operator `{operator}`"))?;
        if Template::parse(&baseline).references().next().is_none() {
            match test {
                Test::Pattern => drop(pattern(&baseline)?),
                Test::Checksum(algorithm) => drop(checksum(algorithm, &baseline)?),
                _ => {}
            }
        }
        Ok(Self { operator, test, baseline, value })
    }

    pub(super) fn evaluate(&self) -> Result<bool, ConditionError> {
        let (baseline, value) = (self.baseline.as_str(), self.value.as_str());
        Ok(match self.test {
            Test::IsEmpty => baseline.is_empty(),
            Test::IsWhitespace => !baseline.is_empty() && baseline.chars().all(char::is_whitespace),
            Test::Text(order) => order.admits(value.to_lowercase().cmp(&baseline.to_lowercase())),
            Test::Pattern => pattern(baseline).map_err(ConditionError::Operand)?.is_match(value),
            Test::Number(order) => {
                let ordering = number(value).zip(number(baseline)).and_then(|(value, other)| value.partial_cmp(&other));
                ordering.is_some_and(|ordering| order.admits(ordering))
            }
            Test::Binary => has_binary(baseline)?,
            Test::File => Path::new(baseline).is_file(),
            Test::Folder => Path::new(baseline).is_dir(),
            Test::Checksum(algorithm) => {
                let checksum = checksum(algorithm, baseline).map_err(ConditionError::Operand)?;
                match checksum.matches(Path::new(value)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                    matches => matches.map_err(|source| ConditionError::Read { path: value.into(), source })?,
                }
            }
        })
    }
}

impl Order {
    fn admits(self, value_to_baseline: Ordering) -> bool {
        match self {
            Self::Less => value_to_baseline.is_lt(),
            Self::LessOrEqual => value_to_baseline.is_le(),
            Self::Equal => value_to_baseline.is_eq(),
            Self::GreaterOrEqual => value_to_baseline.is_ge(),
            Self::Greater => value_to_baseline.is_gt(),
        }
    }
}

/// RE2's syntax without Unicode classes (`\p{…}`), found anywhere in the text. It ignores case, as the guide's example
/// does: `^[a-z]+$` matches `ThisIsValue`.
fn pattern(text: &str) -> Result<Regex, String> {
    let regex = RegexBuilder::new(text).case_insensitive(true).build();
    regex.map_err(|error| format!("`{text}` is no pattern: {error}"))
}

fn checksum(algorithm: Algorithm, digest: &str) -> Result<Checksum, String> {
    Checksum::new(algorithm, digest).map_err(|_| format!("`{digest}` is no {algorithm} checksum"))
}

/// The guide's `[-+]?([0-9]+[.])?[0-9]+`, and what YAML writes for very large and very small numbers.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) || digits.ends_with('.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// As the guide says, what bash's `type` finds: programs, and what bash itself knows.
fn has_binary(name: &str) -> Result<bool, ConditionError> {
    let mut bash = Command::new("bash");
    bash.args(["-c", "type -- \"$0\"", name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = bash.status().map_err(|source| ConditionError::Bash { name: name.to_owned(), source })?;
    Ok(status.success())
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operator, shown(&self.baseline))?;
        match second_operand(self.operator) {
            Some(name) => write!(f, ", {name}: {}", shown(&self.value)),
            None => Ok(()),
        }
    }
}

fn shown(operand: &str) -> String {
    let mut cut: String = operand.chars().take(MAX_SHOWN).collect();
    if cut.len() < operand.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}
