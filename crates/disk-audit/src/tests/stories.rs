//! A clean image passes, and a dirty one is told everything that is wrong with it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use sha2::{Digest as _, Sha256};

use super::images::{FORMATS, Format, MIB, Source, gpt, service};
use crate::{Canary, Digest, Expected, Options, Outcome, Owner, Report, audit, scan_raw};

pub(super) const EFI: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
pub(super) const LINUX: &str = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
const TOKEN: &[u8] = b"token-of-the-build";

fn options(source: &Source) -> Options {
    let root = source.root().metadata().unwrap();
    Options {
        canaries: vec![Canary::new("BUILD_TOKEN", TOKEN).unwrap()],
        expected: vec![Expected {
            path: "/opt/service/service".to_owned(),
            sha256: Some(Digest(Sha256::digest(service()).into())),
            mode: Some(0o755),
            owner: Some(Owner { uid: root.uid(), gid: root.gid() }),
        }],
        allowed_keys: vec!["/etc/service/allowed.pem".to_owned()],
        ..Options::default()
    }
}

fn examine(disk: Vec<u8>, options: &Options) -> Report {
    audit(Cursor::new(disk), options).unwrap()
}

fn failures(report: &Report, name: &str) -> Vec<(String, String)> {
    match &report.checks.iter().find(|check| check.name == name).unwrap().outcome {
        Outcome::Fail(findings) => findings.iter().map(|found| (found.path.clone(), found.reason.clone())).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_clean_image_passes() {
    let source = Source::clean();
    for format in FORMATS {
        let Some(image) = source.image(format, 24 * MIB) else { continue };
        let report = examine(image, &options(&source));
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.file_system.label.as_deref(), Some("root"));
        assert_eq!(report.file_system.uuid, "11111111-2222-3333-4444-555555555555");
        let passed = report.checks.iter().filter(|check| check.outcome == Outcome::Pass).count();
        assert_eq!(
            passed,
            report.checks.len() - 1,
            "only the rule on other partitions has nothing to look at: {report}"
        );
    }
}

/// Everything that a build can leave behind.
fn dirty() -> Source {
    let source = Source::clean();
    for (path, content) in [
        ("etc/ssh/ssh_host_ed25519_key", "a key"),
        ("etc/ssh/ssh_host_ed25519_key.pub", "a key"),
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("etc/hostname", "ip-10-0-0-1.ec2.internal\n"),
        ("var/lib/systemd/random-seed", "seed"),
        ("var/lib/systemd/credential.secret", "secret"),
        ("var/lib/dhcp/dhclient.eth0.leases", "lease {}"),
        ("var/lib/NetworkManager/internal-eth0.lease", "ADDRESS=10.0.0.1"),
        ("var/lib/cloud/instances/i-0123456789abcdef0/user-data.txt", "#cloud-config"),
        ("var/lib/cloud/data/instance-id", "i-0123456789abcdef0"),
        ("home/ec2-user/.ssh/authorized_keys", "ssh-ed25519 AAAA"),
        ("root/.ssh/authorized_keys2", "ssh-ed25519 AAAA"),
        ("etc/sudoers.d/90-cloud-init-users", "ec2-user ALL=(ALL) NOPASSWD:ALL"),
        ("etc/shadow", "root:$y$j9T$salt$hash:19800::::::\nec2-user::19800::::::\n"),
        ("home/ec2-user/.python_history", "import os"),
        ("home/ec2-user/.lesshst", "less"),
        ("var/log/messages", "Nov 27 booted"),
        ("var/log/cloud-init-output.log", "done"),
        ("var/log/dnf.log.1", "rotated"),
        ("var/log/audit/audit.log", "type=LOGIN"),
        ("var/log/journal/0123456789abcdef0123456789abcdef/system.journal", "LPKSHHRH"),
        ("var/log/amazon/ssm/amazon-ssm-agent.log", "started"),
        ("tmp/build/archive.tar", "archive"),
        ("var/tmp/token-of-the-build", "its name is a secret"),
        ("var/cache/dnf/amazonlinux.solv", "cache"),
        ("var/lib/apt/lists/deb.debian.org_InRelease", "list"),
        ("var/lib/amazon/toe/TOE_2026-11-27_00-00-00_UTC-0_x/document.yaml", "steps"),
        ("home/ec2-user/id", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"),
        ("etc/service/.env", "KEY=value"),
        ("root/.aws/credentials", "[default]"),
        ("opt/service/.git/config", "[core]"),
        ("home/ec2-user/.cargo/registry/index", "index"),
        ("usr/lib/service/config", "TOKEN=token-of-the-build\n"),
    ] {
        source.write(path, content);
    }
    source.write("opt/service/user-data", STANDARD.encode("write: TOKEN=token-of-the-build\n"));
    source.link("opt/service/link", "/run/token-of-the-build");
    fs::remove_file(source.path("var/lib/dbus/machine-id")).unwrap();
    source.write("var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
    fs::remove_file(source.path("root/.bash_history")).unwrap();
    source.write("root/.bash_history", "aws configure");
    source.write("opt/service/service", "another one");
    fs::set_permissions(source.path("opt/service/service"), fs::Permissions::from_mode(0o777)).unwrap();
    source
}

#[test]
fn a_dirty_image_breaks_every_rule() {
    let source = dirty();
    let mut options = options(&source);
    options.expected.push(Expected { path: "/etc/service/config.yaml".to_owned(), ..Expected::default() });
    options.expected.push(Expected { path: "/opt/service".to_owned(), ..Expected::default() });
    let (Some(root), Some(other)) = (source.image(Format::Xfs, 24 * MIB), Source::empty().image(Format::Ext4, 8 * MIB))
    else {
        return;
    };
    let Some(disk) = gpt(&[(8, LINUX, &other), (2, EFI, &TOKEN.repeat(3)), (24, LINUX, &root)]) else { return };
    let report = examine(disk, &options);
    let kept: Vec<_> = report.checks.iter().filter(|check| !matches!(check.outcome, Outcome::Fail(_))).collect();
    assert!(kept.is_empty(), "{kept:?}");
    let json = serde_json::to_string_pretty(&report).unwrap();
    assert!(!json.contains("token-of-the-build") && !format!("{report} {options:?}").contains("token-of-the-build"));
    assert_snapshot!("dirty_json", json);
    assert_snapshot!("dirty_text", report);
}

#[test]
fn both_file_systems_are_judged_alike() {
    let source = dirty();
    let reports = FORMATS.map(|format| source.image(format, 24 * MIB).map(|image| examine(image, &options(&source))));
    let [Some(ext4), Some(xfs)] = reports else { return };
    let findings = |report: &Report| -> BTreeSet<_> {
        report.checks.iter().map(|check| (check.name, failures(report, check.name))).collect()
    };
    assert_eq!(findings(&ext4), findings(&xfs));
}

#[test]
fn homes_are_where_the_accounts_say() {
    let source = Source::clean();
    source.write(
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nbin:x:1:1::/bin:/sbin/nologin\nservice:x:7:7::/var/lib/service:/bin/sh\n\
         linked:x:8:8::/srv/linked:/bin/sh\n",
    );
    // OpenSSH's programs know how a key begins.
    source.write("usr/bin/ssh", "\x7fELF -----BEGIN OPENSSH PRIVATE KEY-----\n");
    source.link("bin", "usr/bin");
    source.write("var/lib/service/.ssh/authorized_keys", "ssh-ed25519 AAAA");
    source.write("data/linked/.bash_history", "ls");
    source.write("data/linked/.ssh/id", "-----BEGIN PRIVATE KEY-----\n");
    source.link("srv/linked", "../data/linked");
    for format in FORMATS {
        let Some(image) = source.image(format, 24 * MIB) else { continue };
        let report = examine(image, &options(&source));
        let paths = |name| failures(&report, name).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(paths("authorized-keys"), ["/var/lib/service/.ssh/authorized_keys"]);
        assert_eq!(paths("shell-histories"), ["/data/linked/.bash_history"]);
        assert_eq!(paths("private-keys"), ["/data/linked/.ssh/id"]);
    }
}

/// What a link of the image leads to is looked at in the image, not on the machine that reads it.
#[test]
fn links_do_not_lead_out_of_the_image() {
    let source = Source::clean();
    let outside = source.path("var/log/dnf.log");
    source.write("escape-target", "x");
    fs::remove_file(source.path("var/log/messages")).unwrap();
    source.link("var/log/messages", outside.to_str().unwrap());
    source.link("var/log/secure", "../../../../../../var/log/dnf.log");
    for format in FORMATS {
        let Some(image) = source.image(format, 24 * MIB) else { continue };
        let report = examine(image, &options(&source));
        let found: Vec<_> = failures(&report, "logs").into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, ["/var/log/secure"]);
    }
}

/// A file that is deleted is in no directory; its bytes are where they were.
#[test]
fn the_remains_of_a_deleted_file_are_found_by_a_raw_scan() {
    let source = Source::clean();
    source.write("secret", TOKEN);
    let Some(image) = source.ext4(24 * MIB, &["rm /secret"]) else { return };
    let options = options(&source);
    assert!(examine(image.clone(), &options).is_clean());
    let offset = image.windows(TOKEN.len()).position(|window| window == TOKEN).unwrap();
    let scan = scan_raw(Cursor::new(image), &options.canaries).unwrap();
    assert_eq!((scan.is_clean(), scan.count, scan.bytes_read), (false, 1, 24 * MIB as u64));
    assert_eq!((&scan.findings[0].canary[..], scan.findings[0].offset), ("BUILD_TOKEN", offset as u64));
}

#[test]
fn a_canary_that_chance_would_find_is_refused() {
    assert_snapshot!(Canary::new("SHORT", b"1234567").unwrap_err(), @"the canary `SHORT` is shorter than 8 bytes or nothing but zeros; it would be found by chance");
}
