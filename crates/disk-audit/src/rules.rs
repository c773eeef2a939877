//! What has to hold for the disk of an image, and why.
//!
//! Names of sources: “Image Builder” is the clean-up script that EC2 Image Builder runs before it takes the image, printed in its user guide under
//! “Security best practices”. “Shared AMIs” are the “Guidelines for shared Linux AMIs” in the user guide of Amazon EC2. “systemd” is its page
//! “Safely Building Images”. “EURECOM” is Balduzzi et al., “A Security Analysis of Amazon's Elastic Compute Cloud Service” (2012), who found in
//! public AMIs what is listed here. “EKS” is `cleanup.sh` of awslabs/amazon-eks-ami.

mod access;
mod disk;
mod identity;
mod remains;
mod secrets;
mod service;

use crate::contents::Contents;
use crate::options::{Canary, Options};
use crate::partitions::Found;
use crate::report::{Check, Finding, Outcome, Report};
use crate::tree::{self, Tree};
use crate::volume::Kind;

struct Rule {
    name: &'static str,
    looks_at: &'static str,
    reason: &'static str,
    source: &'static str,
    check: fn(&Image<'_>) -> Outcome,
}

/// What a rule looks at.
struct Image<'a> {
    found: &'a Found,
    tree: &'a Tree,
    contents: &'a Contents,
    options: &'a Options,
}

const RULES: &[Rule] = &[
    Rule {
        name: "ssh-host-keys",
        looks_at: "/etc/ssh/ssh_host_*",
        reason: "every instance would prove itself with the same key, and whoever has the image could pose as any of them",
        source: "Image Builder, Shared AMIs",
        check: identity::ssh_host_keys,
    },
    Rule {
        name: "machine-id",
        looks_at: "/etc/machine-id",
        reason: "DHCP, journals and logs would take all instances for one machine",
        source: "Image Builder, systemd",
        check: identity::machine_id,
    },
    Rule {
        name: "dbus-machine-id",
        looks_at: "/var/lib/dbus/machine-id",
        reason: "systemd takes a missing machine ID from here",
        source: "systemd",
        check: identity::dbus_machine_id,
    },
    Rule {
        name: "hostname",
        looks_at: "/etc/hostname",
        reason: "it is the name of the build instance",
        source: "Image Builder",
        check: identity::hostname,
    },
    Rule {
        name: "random-seed",
        looks_at: "/var/lib/systemd/random-seed, /var/lib/systemd/credential.secret",
        reason: "all instances would begin with the same randomness, and decrypt each other's credentials",
        source: "systemd",
        check: identity::random_seed,
    },
    Rule {
        name: "dhcp-leases",
        looks_at: "/var/lib/dhcp, /var/lib/dhclient, /var/lib/dhcpcd, /var/lib/NetworkManager",
        reason: "an instance would ask for the address of the build instance",
        source: "EKS",
        check: identity::dhcp_leases,
    },
    Rule {
        name: "cloud-init-state",
        looks_at: "/var/lib/cloud",
        reason: "it has the build instance's user data, and what was done there once would not be done again",
        source: "Image Builder, EKS",
        check: identity::cloud_init_state,
    },
    Rule {
        name: "authorized-keys",
        looks_at: "~/.ssh/authorized_keys and authorized_keys2 of every account",
        reason: "whoever has the key that was used for the build can log in to every instance",
        source: "Image Builder, Shared AMIs, EURECOM",
        check: access::authorized_keys,
    },
    Rule {
        name: "cloud-init-sudoers",
        looks_at: "/etc/sudoers.d/90-cloud-init-users",
        reason: "an account that cloud-init made for the build would be root without a password",
        source: "Image Builder",
        check: access::cloud_init_sudoers,
    },
    Rule {
        name: "passwords",
        looks_at: "/etc/shadow",
        reason: "a password in an image opens every instance; root's has to be locked",
        source: "Shared AMIs, EURECOM",
        check: access::passwords,
    },
    Rule {
        name: "shell-histories",
        looks_at: "~/.*_history, ~/.lesshst, ~/.viminfo of every account",
        reason: "people type secrets, and see them",
        source: "Shared AMIs, EURECOM",
        check: remains::histories,
    },
    Rule {
        name: "logs",
        looks_at: "/var/log: logins, system messages, cloud-init, rotated files",
        reason: "they tell of the build, with its addresses, accounts and parameters",
        source: "Image Builder, EURECOM",
        check: remains::logs,
    },
    Rule {
        name: "audit-logs",
        looks_at: "/var/log/audit",
        reason: "auditd has to be stopped before they are removed, or the image has the denials of its build",
        source: "Image Builder, EKS",
        check: remains::audit_logs,
    },
    Rule {
        name: "journal",
        looks_at: "/var/log/journal",
        reason: "it is the log of the build under the build instance's machine ID",
        source: "Image Builder",
        check: remains::journal,
    },
    Rule {
        name: "ssm-logs",
        looks_at: "/var/log/amazon/ssm",
        reason: "the SSM agent logs the commands of the build and the build instance's ID",
        source: "Image Builder",
        check: remains::ssm_logs,
    },
    Rule {
        name: "temporary-files",
        looks_at: "/tmp, /var/tmp",
        reason: "what a build downloads and unpacks is not part of the image",
        source: "Image Builder",
        check: remains::temporary_files,
    },
    Rule {
        name: "package-caches",
        looks_at: "/var/cache of dnf, yum and apt, /var/lib/apt/lists",
        reason: "they are out of date before the first launch, and are copied to every instance",
        source: "EKS",
        check: remains::package_caches,
    },
    Rule {
        name: "awstoe-files",
        looks_at: "TOE_* in every directory",
        reason: "AWSTOE keeps the components' documents and logs there",
        source: "Image Builder",
        check: remains::awstoe_files,
    },
    Rule {
        name: "private-keys",
        looks_at: "the content of all files below /root, /home, /etc and homes",
        reason: "a private key in an image is known to all who can launch it",
        source: "Shared AMIs, EURECOM",
        check: secrets::private_keys,
    },
    Rule {
        name: "credential-files",
        looks_at: ".env, .aws, credentials, .netrc, .pgpass and .git-credentials in every directory",
        reason: "secrets are handed to instances, not to images",
        source: "Shared AMIs, EURECOM",
        check: secrets::credential_files,
    },
    Rule {
        name: "build-remains",
        looks_at: ".git and .cargo/registry in every directory",
        reason: "a history has what was removed from the sources, and a remote's URL may have a token",
        source: "EURECOM",
        check: secrets::build_remains,
    },
    Rule {
        name: "canaries",
        looks_at: "every file, name and target of a link, and every other partition",
        reason: "these byte strings were used for the build and must not be in the image",
        source: "the caller",
        check: secrets::canaries,
    },
    Rule {
        name: "expected-files",
        looks_at: "the files that the caller names",
        reason: "what runs has to be what was baked",
        source: "the caller",
        check: service::expected_files,
    },
    Rule {
        name: "other-partitions",
        looks_at: "every partition but the root",
        reason: "a file system that is not read may have anything in it, and swap space is what a memory had in it",
        source: "this crate",
        check: disk::other_partitions,
    },
];

/// The answer of every rule.
pub(crate) fn report(found: &Found, tree: &Tree, contents: &Contents, options: &Options) -> Report {
    let image = Image { found, tree, contents, options };
    let check = |rule: &Rule| {
        let mut outcome = (rule.check)(&image);
        if let Outcome::Fail(findings) = &mut outcome {
            for finding in findings {
                redact(finding, &options.canaries);
            }
        }
        let Rule { name, looks_at, reason, source, .. } = *rule;
        Check { name, looked_at: looks_at, reason, source, outcome }
    };
    Report {
        file_system: found.root.describe(),
        partitions: found.partitions.clone(),
        files: tree.count(),
        bytes_read: contents.bytes_read,
        checks: RULES.iter().map(check).collect(),
    }
}

/// A secret may be the name of a file.
fn redact(finding: &mut Finding, canaries: &[Canary]) {
    for canary in canaries {
        let text = String::from_utf8_lossy(canary.bytes());
        for part in [&mut finding.path, &mut finding.reason] {
            if part.contains(&*text) {
                *part = part.replace(&*text, &format!("<{}>", canary.name()));
            }
        }
    }
}

impl Image<'_> {
    /// The text of one of the files of which the text is kept.
    fn text(&self, path: &str) -> Option<&[u8]> {
        let (path, _) = self.tree.resolve(path.as_bytes())?;
        self.contents.texts.get(path).map(Vec::as_slice)
    }

    /// What stands in a directory and fits a pattern.
    fn matching(&self, directory: &[u8], pattern: &str) -> impl Iterator<Item = tree::Found<'_>> {
        self.tree.children(directory).filter(move |(path, _)| tree::fits(pattern, tree::name(path)))
    }

    /// That nothing is at these paths.
    fn absent(&self, paths: &[&str], reason: &str) -> Outcome {
        outcome(paths.iter().filter_map(|path| self.tree.entry(path.as_bytes())).map(|(path, _)| finding(path, reason)))
    }
}

fn outcome(findings: impl IntoIterator<Item = Finding>) -> Outcome {
    let findings: Vec<_> = findings.into_iter().collect();
    if findings.is_empty() { Outcome::Pass } else { Outcome::Fail(findings) }
}

fn finding(path: &[u8], reason: impl Into<String>) -> Finding {
    Finding { path: String::from_utf8_lossy(path).into_owned(), reason: reason.into() }
}

/// A file with something in it, or a link that leads to one. A directory is none.
fn has_content((path, _): &tree::Found<'_>, tree: &Tree) -> bool {
    tree.resolve(path).is_some_and(|(_, node)| node.meta.kind == Kind::File && node.meta.size > 0)
}
