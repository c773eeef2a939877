//! Which host key an instance has. The first time, its console tells: cloud-init writes the keys there when it has made them, and
//! `GetConsoleOutput` is answered by EC2, not by whoever answers at the address. What it told is remembered under the instance's id and
//! holds from then on. Where the console does not tell, because it is empty yet or has long since rolled on, the first key that the
//! instance shows is remembered (`accept-new`), and the operator is told so.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::Result;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::is_sayable;
use crate::context::Context;
use crate::error::user;
use crate::instances;

/// How far an instance's host key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is in the file; another one is refused.
    Known,
    /// The first one is taken.
    First,
}

impl Trust {
    /// The value of ssh's option `StrictHostKeyChecking`.
    pub(super) fn strictness(self) -> &'static str {
        match self {
            Self::Known => "yes",
            Self::First => "accept-new",
        }
    }
}

/// Sees to it that the file knows the instance, as far as anybody can tell.
pub(super) async fn look(context: &Context, file: &Path, instance_id: &str) -> Result<Trust> {
    if !is_sayable(file) {
        return Err(user(format!("ssh cannot be told of a file with the path `{}`", file.display()))
            .hint("choose another place with XDG_STATE_HOME, or VERIS_LOCAL_DIR in the local cloud")
            .into());
    }
    let known = match fs_err::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read?,
    };
    if known.lines().any(|line| line.split_whitespace().next() == Some(instance_id)) {
        return Ok(Trust::Known);
    }
    let console = instances::last_lines(&context.clients, instance_id, usize::MAX).await;
    let told = told(&console);
    remember(file, instance_id, &told)?;
    Ok(if told.is_empty() { Trust::First } else { Trust::Known })
}

/// The file and its folder come to be, so that ssh can add to it.
fn remember(file: &Path, instance_id: &str, keys: &[String]) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let lines = keys.iter().map(|key| format!("{instance_id} {key}\n")).collect::<Vec<_>>().concat();
    let mut options = fs_err::OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    Ok(options.open(file)?.write_all(lines.as_bytes())?)
}

/// The newest host keys that the console shows: type and bytes, whatever stands around them.
fn told(console: &[String]) -> Vec<String> {
    let end = console.iter().rposition(|line| line.contains("-----END SSH HOST KEY KEYS-----"));
    let Some(end) = end else { return Vec::new() };
    let begin = console[..end].iter().rposition(|line| line.contains("-----BEGIN SSH HOST KEY KEYS-----"));
    let Some(begin) = begin else { return Vec::new() };
    console[begin + 1..end].iter().filter_map(|line| key(line)).collect()
}

fn key(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_kind = |word: &str| matches!(word, "ssh-ed25519" | "ssh-rsa") || word.starts_with("ecdsa-sha2-nistp");
    let is_bytes =
        |word: &str| word.starts_with("AAAA") && word.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
    let found = words.windows(2).find(|pair| is_kind(pair[0]) && is_bytes(pair[1]))?;
    Some(found.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_of_amazon_linux_tells_the_newest_host_keys() {
        let console = "\
            ec2: -----BEGIN SSH HOST KEY KEYS-----\n\
            ec2: ssh-ed25519 AAAAC3old root@ip-10-0-0-1\n\
            ec2: -----END SSH HOST KEY KEYS-----\n\
            [   21.5] cloud-init[1611]: ec2: #####\n\
            -----BEGIN SSH HOST KEY KEYS-----\n\
            ecdsa-sha2-nistp256 AAAAE2VjZHNh+/= root@ip-10-0-0-1.ap-southeast-2.compute.internal\n\
            [   21.6] audit: something else\n\
            ssh-ed25519 AAAAC3new root@ip-10-0-0-1\n\
            -----END SSH HOST KEY KEYS-----\n\
            login:";
        let console: Vec<String> = console.lines().map(ToOwned::to_owned).collect();
        assert_eq!(told(&console), ["ecdsa-sha2-nistp256 AAAAE2VjZHNh+/=", "ssh-ed25519 AAAAC3new"]);
        assert!(told(&console[..2]).is_empty());
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        assert_eq!(key("ssh-ed25519 AAAA\"x"), None);
        assert_eq!(key("256 SHA256:abc root@host (ED25519)"), None);
    }
}
