//! Secrets that were pasted into a text.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::{Finding, Rule};
use crate::yaml::Location;

/// What is found, and the pattern whose first group is the secret.
static PATTERNS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let patterns = [
        ("an AWS access key id", r"\b((?:AKIA|ASIA)[A-Z0-9]{16})\b"),
        (
            "an AWS secret access key",
            r#"(?i)\baws_?secret_?access_?key['"]?\s*[:=]\s*['"]?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)"#,
        ),
        ("a private key", r"(-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----)"),
        ("a GitHub token", r"\b((?:gh[pousr]_[A-Za-z0-9]{36,})|(?:github_pat_[A-Za-z0-9_]{22,}))"),
        ("a GitLab token", r"\b(glpat-[A-Za-z0-9_-]{20,})"),
        ("a Slack token", r"\b(xox[abprs]-[A-Za-z0-9-]{10,})"),
        ("a password in a URL", r"[a-z][a-z0-9+.-]*://[^\s/:@'\x22$<{]+:([^\s/@'\x22$<{]+)@"),
        (
            "a password",
            r#"(?i)(?:^|[^a-z])(?:password|passwd|secret|api_?key|auth_?token|access_?token)['"]?\s*[:=]\s*['"]?([A-Za-z0-9!@#%^*_+./=-]{8,})['"]?(?:[\s;]|$)"#,
        ),
    ];
    patterns.into_iter().filter_map(|(what, pattern)| Some((what, Regex::new(pattern).ok()?))).collect()
});

/// In small letters; every line with a secret has one of them. A long text is searched for these much faster than for
/// the patterns.
const SIGNS: [&str; 12] =
    ["akia", "asia", "secret", "private key", "gh", "glpat-", "xox", "://", "passw", "api", "auth", "access"];

/// At most one for each line; no message repeats what was found. Works on any text: documents, units, `.env` files.
pub fn secrets(text: &str) -> Vec<Finding> {
    let lower = text.to_ascii_lowercase();
    let mut suspicious = BTreeSet::new();
    for sign in SIGNS {
        suspicious.extend(lower.match_indices(sign).map(|(offset, _)| line_start(text, offset)));
    }
    let mut number = 1;
    let mut counted = 0;
    let mut findings = Vec::new();
    for start in suspicious {
        number += text[counted..start].matches('\n').count();
        counted = start;
        findings.extend(in_line(number, text[start..].lines().next().unwrap_or_default()));
    }
    findings
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |newline| newline + 1)
}

fn in_line(number: usize, line: &str) -> Option<Finding> {
    let (what, found) = PATTERNS.iter().find_map(|(what, pattern)| {
        let found = pattern.captures(line)?.get(1)?;
        is_secret(what, found.as_str()).then_some((*what, found))
    })?;
    let column = |offset: usize| line[..offset].chars().count() + 1;
    let place = |offset| Location { line: number, column: column(offset) };
    let message = format!("this looks like {what}; components are readable in the account and land in its logs");
    Some(
        Finding::error(Rule::Secret, (place(found.start()), place(found.end())), message)
            .cure("take it out and replace it where it is valid; let the instance fetch it with its own role"),
    )
}

/// Examples of AWS's documentation and words are none.
fn is_secret(what: &str, found: &str) -> bool {
    let is_mixed =
        found.bytes().any(|byte| byte.is_ascii_digit()) && found.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_place = found.starts_with(['/', '.']) || found.starts_with("arn:") || found.contains("::");
    let is_example = found.contains("EXAMPLE") || found.to_ascii_lowercase().contains("example");
    !is_example && (what != "a password" || (is_mixed && !is_place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_valid() {
        assert_eq!(PATTERNS.len(), 8);
    }

    #[test]
    fn secrets_are_found_and_not_repeated() {
        // Put together here, so that this file holds none.
        for (before, secret) in [
            ("export AWS_ACCESS_KEY_ID=", ["AKIA", "ABCDEFGHIJKLMNOP"].concat()),
            ("aws_secret_access_key = ", ["abcdefghij", "0123456789", "ABCDEFGHIJ", "abcdefghi/"].concat()),
            ("git clone https://", ["me:", "hunter22", "@example.org/x"].concat()),
            ("  password: ", ["tr0ub4dor", "&3"].concat().replace('&', "_")),
            ("curl -H 'Authorization: token ", ["ghp", "_", &"a1".repeat(18)].concat()),
            ("", ["-----BEGIN ", "RSA PRIVATE KEY-----"].concat()),
        ] {
            let found = secrets(&format!("fine\n{before}{secret}\n"));
            assert_eq!(found.len(), 1, "{before}");
            assert_eq!(found[0].location.unwrap().line, 2);
            assert!(!found[0].message.contains(&secret) && !found[0].message.contains("hunter22"));
        }
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        for line in [
            "TOKEN=$(curl -s http://169.254.169.254/latest/api/token)",
            "password: '{{ Password }}'",
            "secret: arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:x1",
            "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
            "passwd: required",
            "sha256sum abcdefabcdefabcdefabcdefabcdefabcdefabcd",
            "https://bucket.s3.amazonaws.com:443/x@y",
            "secret=/etc/keys/file1.pem",
        ] {
            assert_eq!(secrets(line), [], "{line}");
        }
    }
}
