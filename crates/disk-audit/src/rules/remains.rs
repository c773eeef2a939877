//! What was of use during the build only.

use super::{Image, finding, has_content, outcome};
use crate::report::{Finding, Outcome};
use crate::tree::{self, Found};
use crate::volume::Kind;

pub(super) fn histories(image: &Image<'_>) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for home in &image.contents.homes {
        let names = [".*_history", ".lesshst", ".viminfo"].into_iter();
        let found =
            names.flat_map(|pattern| image.matching(home, pattern)).filter(|found| has_content(found, image.tree));
        findings.extend(found.map(|(path, _)| finding(path, "tells what was done")));
    }
    findings.dedup();
    outcome(findings)
}

/// Logs of what the machine does. What packages were installed when, as `dpkg.log` tells, is the same for all who launch the image.
const LOGS: &[&str] = &[
    "auth.log",
    "boot.log",
    "btmp",
    "cloud-init*.log",
    "cron",
    "daemon.log",
    "dmesg",
    "faillog",
    "kern.log",
    "lastlog",
    "maillog",
    "mail.log",
    "messages",
    "secure",
    "spooler",
    "syslog",
    "tallylog",
    "user.log",
    "wtmp",
];

pub(super) fn logs(image: &Image<'_>) -> Outcome {
    let is_log = |(path, _): &Found<'_>| {
        let name = tree::name(path);
        LOGS.iter().any(|pattern| tree::fits(pattern, name)) || is_rotated(name)
    };
    let logs = image.tree.children(b"/var/log").filter(is_log).filter(|found| has_content(found, image.tree));
    outcome(logs.map(|(path, _)| finding(path, "is a log of the build instance")))
}

/// As logrotate names them: with a number, or a date, and maybe packed.
fn is_rotated(name: &[u8]) -> bool {
    let plain = [&b".gz"[..], b".xz", b".zst", b".bz2"].iter().find_map(|end| name.strip_suffix(*end));
    let end = name.rsplit(|byte| matches!(byte, b'.' | b'-')).next().unwrap_or_default();
    plain.is_some() || end.len() < name.len() && !end.is_empty() && end.iter().all(u8::is_ascii_digit)
}

pub(super) fn audit_logs(image: &Image<'_>) -> Outcome {
    empty_below(image, b"/var/log/audit", "is an audit log of the build instance")
}

pub(super) fn journal(image: &Image<'_>) -> Outcome {
    empty_below(image, b"/var/log/journal", "is a journal of the build instance")
}

pub(super) fn ssm_logs(image: &Image<'_>) -> Outcome {
    empty_below(image, b"/var/log/amazon/ssm", "is a log of the SSM agent")
}

fn empty_below(image: &Image<'_>, directory: &[u8], reason: &str) -> Outcome {
    let files = image.tree.below(directory).filter(|found| has_content(found, image.tree));
    outcome(files.map(|(path, _)| finding(path, reason)))
}

/// systemd makes these directories in `/tmp` at each boot, so they are there again when a build instance stops.
const SOCKETS: &[&str] = &[".ICE-unix", ".Test-unix", ".X11-unix", ".XIM-unix", ".font-unix"];

pub(super) fn temporary_files(image: &Image<'_>) -> Outcome {
    let is_made_at_boot = |(path, _): &Found<'_>| {
        SOCKETS.iter().any(|name| name.as_bytes() == tree::name(path)) && image.tree.below(path).next().is_none()
    };
    let found = ["/tmp", "/var/tmp"].iter().flat_map(|directory| image.tree.children(directory.as_bytes()));
    let found = found.filter(|found| found.1.meta.kind != Kind::Directory || !is_made_at_boot(found));
    outcome(found.map(|(path, _)| finding(path, "is temporary")))
}

const CACHES: &[&str] =
    &["/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum", "/var/cache/apt", "/var/lib/apt/lists"];
/// `dnf clean all` leaves them.
const NO_CACHE: &[&str] = &["expired_repos.json", "tempfiles.json"];

pub(super) fn package_caches(image: &Image<'_>) -> Outcome {
    let files = CACHES.iter().flat_map(|directory| image.tree.below(directory.as_bytes()));
    let cached = files
        .filter(|found| has_content(found, image.tree))
        .filter(|(path, _)| !NO_CACHE.iter().any(|name| name.as_bytes() == tree::name(path)));
    outcome(cached.map(|(path, _)| finding(path, "is the cache of a package manager")))
}

pub(super) fn awstoe_files(image: &Image<'_>) -> Outcome {
    let found = image.tree.all().filter(|(path, _)| tree::name(path).starts_with(b"TOE_"));
    outcome(found.map(|(path, _)| finding(path, "is of AWSTOE")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_logs_have_a_number_or_a_date() {
        for (name, expected) in [
            ("messages.1", true),
            ("messages-20261127", true),
            ("syslog.2.gz", true),
            ("dnf.log", false),
            ("journal", false),
            ("2026", false),
            ("alternatives.log", false),
        ] {
            assert_eq!(is_rotated(name.as_bytes()), expected, "{name}");
        }
    }
}
