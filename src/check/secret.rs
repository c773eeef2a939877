//! Secrets that were pasted into a file.

use super::finding::{Finding, Severity};
use crate::yaml::Span;

/// A secret in a text, or what looks like one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) span: Span,
    /// Never shown.
    pub(super) value: String,
    what: &'static str,
    is_sure: bool,
}

/// Tokens whose issuers begin them with a word of their own, and the length of the rest.
const ISSUED: [(&str, usize, &str); 15] = [
    ("AKIA", 16, "the id of an AWS access key"),
    ("ASIA", 16, "the id of a temporary AWS access key"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("ghu_", 30, "a GitHub token"),
    ("github_pat_", 22, "a GitHub token"),
    ("glpat-", 16, "a GitLab token"),
    ("xoxb-", 10, "a Slack token"),
    ("xoxp-", 10, "a Slack token"),
    ("sk-ant-", 20, "an Anthropic key"),
    ("sk_live_", 16, "a Stripe key"),
    ("npm_", 30, "an npm token"),
    ("hf_", 30, "a Hugging Face token"),
    ("AIza", 30, "a Google key"),
];
/// Ends of names whose values are secret.
const NAMES: [&str; 6] = ["password", "passwd", "secret", "token", "api_key", "apikey"];

impl Secret {
    pub(super) fn finding(&self, shown: &str) -> Finding {
        let message =
            if self.is_sure { format!("{} stands here", self.what) } else { format!("this looks like {}", self.what) };
        let severity = if self.is_sure { Severity::Error } else { Severity::Warning };
        Finding::error(shown, "secret", Some(self.span), message)
            .cure("revoke it, remove it, and let the instance profile or the instance's `.env` provide it")
            .severity(severity)
    }
}

pub(super) fn find(text: &str) -> Vec<Secret> {
    let mut secrets = Vec::new();
    let mut in_key = false;
    for (number, line) in (1..).zip(text.lines()) {
        let begins = line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----");
        if begins {
            secrets.extend(secret(number, line, line.trim(), ("a private key", true)));
        } else if in_key && !line.trim().is_empty() && !line.contains("-----END ") {
            // The key itself: one finding is enough, but no line of it may be shown.
            secrets.extend(secret(number, line, line.trim(), ("a private key", true)));
        }
        in_key = (begins || in_key) && !line.contains("-----END ");
        if !in_key {
            secrets.extend(tokens(line).filter_map(|token| secret(number, line, token, issued(line, token)?)));
        }
    }
    secrets
}

fn secret(number: usize, line: &str, value: &str, (what, is_sure): (&'static str, bool)) -> Option<Secret> {
    let column = line[..line.find(value)?].chars().count() + 1;
    let span = Span { line: number, column, end: Some(column + value.chars().count()) };
    Some(Secret { span, value: value.to_owned(), what, is_sure })
}

fn tokens(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || "_-+/.~!%^&*".contains(c))).filter(|token| token.len() >= 8)
}

fn issued(line: &str, token: &str) -> Option<(&'static str, bool)> {
    let is_word = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let known = ISSUED.iter().find(|(prefix, length, _)| {
        token.strip_prefix(prefix).is_some_and(|rest| rest.len() >= *length && is_word(rest))
    });
    // AWS's documentation uses keys that end so, and they are nobody's.
    if token.ends_with("EXAMPLE") || token.ends_with("EXAMPLEKEY") {
        return None;
    }
    if let Some((_, _, what)) = known {
        return Some((what, true));
    }
    let before = line[..line.find(token)?].trim_end_matches(['"', '\'', ' ', '=', ':']).to_lowercase();
    let is_base64 = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+".contains(&byte));
    if before.contains("secret") && token.len() == 40 && is_base64 {
        return Some(("an AWS secret access key", true));
    }
    let (_, behind) = line.split_once(token)?;
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    if behind.starts_with('@') && word.contains("://") {
        return Some(("a password in a URL", true));
    }
    let assigned = line[..line.find(token)?].trim_end_matches(['"', '\'', ' ']).ends_with(['=', ':']);
    let named = NAMES.iter().any(|name| before.ends_with(name));
    (assigned && named && !token.starts_with('/')).then_some(("a password or token", false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_secrets_are_found_and_words_about_secrets_are_not() {
        let key = "AKIA".to_owned() + "ABCDEFGHIJKLMNOP";
        let long = "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzz/+zzzz";
        let found = |text: &str| {
            let shown = |it: &Secret| format!("{}:{} {} {}", it.span.line, it.span.column, it.what, it.is_sure);
            find(text).iter().map(shown).collect::<Vec<_>>()
        };
        assert_eq!(found(&format!("a\nexport AWS_ACCESS_KEY_ID={key}\n")), ["2:26 the id of an AWS access key true"]);
        assert_eq!(found(&format!("aws_secret_access_key: '{long}'")), ["1:25 an AWS secret access key true"]);
        assert_eq!(found("Environment=DB_PASSWORD=correct-horse"), ["1:25 a password or token false"]);
        assert_eq!(found("git clone https://me:correct-horse@git.example.org/x"), ["1:22 a password in a URL true"]);
        let pem = format!("x: |\n  -----BEGIN {}-----\n  MIIEabc\n  -----END {0}-----\ny: 1\n", "RSA PRIVATE KEY");
        assert_eq!(found(&pem).len(), 2);
        for innocent in [
            "token=$(curl --silent http://127.0.0.1/token)",
            "password: '{{ Password }}'",
            "password: <{ password_of_ours }>",
            "max_tokens: 4096",
            "LoadCredential=password:/etc/chat/password",
            "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
            "--token \"$TOKEN\" --password-stdin",
        ] {
            assert_eq!(found(innocent), [""; 0], "{innocent}");
        }
    }
}
