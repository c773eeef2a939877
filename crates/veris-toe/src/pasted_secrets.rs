//! Secrets that were pasted into a text: found, and kept out of what is shown of it.
//!
//! Works on any text: documents, units, `.env` files.
//!
//! ```
//! use veris_toe::pasted_secrets::{Mask, find};
//!
//! let text = "env:\n  DB_PASSWORD: correct-horse\n";
//! let secrets = find(text);
//! assert_eq!((secrets[0].span.start.line, secrets[0].what), (2, "a password or token"));
//! assert_eq!(Mask::new(text, &secrets).line(2).unwrap(), "  DB_PASSWORD: *************");
//! ```

mod mask;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use memchr::memmem;

pub use mask::Mask;

use crate::yaml::{Location, Span};

/// A secret, or what looks like one.
#[derive(Clone, PartialEq, Eq)]
pub struct PastedSecret<'a> {
    pub span: Span,
    /// With its article, for a sentence.
    pub what: &'static str,
    /// Its form leaves no doubt; otherwise only the name in front of it says so.
    pub is_certain: bool,
    /// Never shown.
    value: &'a str,
}

/// Tokens whose issuers begin them with a word of their own, and the length of the rest.
const ISSUED: [(&str, usize, &str); 19] = [
    ("AKIA", 16, "the id of an AWS access key"),
    ("ASIA", 16, "the id of a temporary AWS access key"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghr_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("ghu_", 30, "a GitHub token"),
    ("github_pat_", 22, "a GitHub token"),
    ("glpat-", 16, "a GitLab token"),
    ("xoxa-", 10, "a Slack token"),
    ("xoxb-", 10, "a Slack token"),
    ("xoxp-", 10, "a Slack token"),
    ("xoxr-", 10, "a Slack token"),
    ("xoxs-", 10, "a Slack token"),
    ("sk-ant-", 20, "an Anthropic key"),
    ("sk_live_", 16, "a Stripe key"),
    ("npm_", 30, "an npm token"),
    ("hf_", 30, "a Hugging Face token"),
    ("AIza", 30, "a Google key"),
];
/// Ends of names whose values are secret, in small letters.
const NAMES: [&str; 7] = ["password", "passwd", "secret", "token", "api_key", "api-key", "apikey"];
/// Every line with a secret has one of them, or the beginning of an issued token, in small letters. A long text is searched for
/// these much faster than line by line.
const SIGNS: [&str; 7] = ["://", "passw", "secret", "token", "api_key", "api-key", "apikey"];
const KEY_BEGINS: &str = "-----BEGIN ";
const KEY: &str = "PRIVATE KEY-----";
/// Beside lines of base64, what can stand in a key.
const KEY_HEADERS: [&str; 3] = ["-----END ", "Proc-Type:", "DEK-Info:"];

/// All of them, in the order of the text.
pub fn find(text: &str) -> Vec<PastedSecret<'_>> {
    let mut secrets = Vec::new();
    let mut number = 1;
    let mut counted = 0;
    for start in suspicious_lines(text) {
        // Inside of a private key that was found.
        if start < counted {
            continue;
        }
        number += newlines(&text[counted..start]);
        counted = start;
        let line = text[start..].lines().next().unwrap_or_default();
        if let Some(key) = private_key(number, line, &text[start..]) {
            number += newlines(key.value);
            counted += line.find(KEY_BEGINS).unwrap_or_default() + key.value.len();
            secrets.push(key);
        } else {
            in_line(number, line, &mut secrets);
        }
    }
    secrets
}

/// The offsets at which they begin.
fn suspicious_lines(text: &str) -> BTreeSet<usize> {
    let lower = text.to_ascii_lowercase();
    let issued = ISSUED.iter().map(|(prefix, ..)| prefix.to_ascii_lowercase());
    let signs = SIGNS.iter().map(ToString::to_string).chain([KEY.to_ascii_lowercase()]).chain(issued);
    let mut lines = BTreeSet::new();
    for sign in signs {
        let found = memmem::find_iter(lower.as_bytes(), sign.as_bytes());
        lines.extend(found.map(|offset| text[..offset].rfind('\n').map_or(0, |newline| newline + 1)));
    }
    lines
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// From its first line to the last one that can belong to it.
fn private_key<'a>(number: usize, line: &str, rest: &'a str) -> Option<PastedSecret<'a>> {
    let start = line.find(KEY_BEGINS)?;
    line[start..].find(KEY)?;
    let is_part = |line: &str| {
        let line = line.trim();
        line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
            || KEY_HEADERS.iter().any(|header| line.starts_with(header))
    };
    let lines = rest.split_inclusive('\n');
    let length: usize = lines.clone().take(1).chain(lines.skip(1).take_while(|line| is_part(line))).map(str::len).sum();
    let value = rest[start..length].trim_end();
    let column = |text: &str| text.chars().count() + 1;
    let first = Location { line: number, column: column(&line[..start]) };
    let end = match value.rsplit_once('\n') {
        None => Location { column: first.column + value.chars().count(), ..first },
        Some((before, last)) => Location { line: number + 1 + newlines(before), column: column(last) },
    };
    Some(PastedSecret { span: Span { start: first, end }, what: "a private key", is_certain: true, value })
}

fn in_line<'a>(number: usize, line: &'a str, secrets: &mut Vec<PastedSecret<'a>>) {
    let before = secrets.len();
    for range in tokens(line) {
        let token = &line[range.clone()];
        if token.to_ascii_lowercase().contains("example") {
            continue;
        }
        if let Some((what, is_certain)) = issued(token).or_else(|| named(line, &range)) {
            secrets.push(secret((number, line), range, what, is_certain));
        }
    }
    for range in url_passwords(line) {
        let found = secret((number, line), range, "a password in a URL", true);
        let is_known =
            |known: &PastedSecret<'_>| known.span.start < found.span.end && found.span.start < known.span.end;
        if !secrets[before..].iter().any(is_known) {
            secrets.push(found);
        }
    }
    secrets[before..].sort_by_key(|secret| secret.span);
}

fn secret<'a>(
    (number, line): (usize, &'a str),
    range: Range<usize>,
    what: &'static str,
    is_certain: bool,
) -> PastedSecret<'a> {
    let value = &line[range.clone()];
    let column = line[..range.start].chars().count() + 1;
    let span = Span::in_line(number, column..column + value.chars().count());
    PastedSecret { span, what, is_certain, value }
}

/// Runs of characters that a secret can be made of.
fn tokens(line: &str) -> impl Iterator<Item = Range<usize>> {
    let mut offset = 0;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-+/.~!%^&*#".contains(c);
    let runs = line.split(move |c| !is_part(c)).map(move |run| {
        let start = offset;
        // What cut them is ASCII or not, but never part of a run: the next begins one character behind this one.
        offset = start + run.len() + line[start + run.len()..].chars().next().map_or(0, char::len_utf8);
        start..start + run.len()
    });
    runs.filter(|run| run.len() >= 8)
}

fn issued(token: &str) -> Option<(&'static str, bool)> {
    let is_word = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let of = |(prefix, length, what): &(&str, usize, &'static str)| {
        let rest = token.strip_prefix(prefix)?;
        (rest.len() >= *length && is_word(rest)).then_some((*what, true))
    };
    ISSUED.iter().find_map(of)
}

/// What the text in front of it makes of a token.
fn named(line: &str, range: &Range<usize>) -> Option<(&'static str, bool)> {
    let token = &line[range.clone()];
    let before = line[..range.start].to_ascii_lowercase();
    let is_base64 = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+".contains(&byte));
    if before.contains("secret") && token.len() == 40 && is_base64 {
        return Some(("an AWS secret access key", true));
    }
    let assigned = before.trim_end_matches(['"', '\'', ' ']);
    let name = assigned.trim_end_matches(['"', '\'', ' ', '=', ':']);
    let is_named = assigned.ends_with(['=', ':']) && NAMES.iter().any(|ending| name.ends_with(ending));
    let is_place = token.starts_with(['/', '.']);
    (is_named && !is_place && !is_word(token)).then_some(("a password or token", false))
}

/// `required`, `DISABLED`: what is generated is longer, or has more than letters of one case.
fn is_word(token: &str) -> bool {
    let is_one_case =
        token.bytes().all(|byte| byte.is_ascii_lowercase()) || token.bytes().all(|byte| byte.is_ascii_uppercase());
    token.len() < 20 && is_one_case
}

/// Between the colon and the `@` of `scheme://user:password@host`.
fn url_passwords(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(|(offset, separator)| {
        let start = offset + separator.len();
        let rest = &line[start..];
        let authority = &rest[..rest.find(|c: char| c.is_whitespace() || "/'\"".contains(c)).unwrap_or(rest.len())];
        let (user, _) = authority.split_once('@')?;
        let (name, password) = user.split_once(':')?;
        let is_written_out = !name.is_empty() && !password.is_empty() && !user.contains(['$', '<', '{', '*']);
        let start = start + name.len() + 1;
        is_written_out.then(|| start..start + password.len())
    })
}

/// Without the value.
impl fmt::Debug for PastedSecret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { span, what, is_certain, .. } = self;
        f.debug_struct("PastedSecret")
            .field("span", span)
            .field("what", what)
            .field("is_certain", is_certain)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
