//! The script that cleans a build instance before its disk becomes an image, in a root file system made for it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is the same in no two instances, or was of use to the build alone.
const REMOVED: [&str; 17] = [
    "etc/hostname",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ed25519_key.pub",
    "home/ada/.bash_history",
    "home/ada/.ssh/authorized_keys",
    "root/.bash_history",
    "root/.ssh/authorized_keys",
    "tmp/left",
    "var/lib/amazon/toe/TOE_2026-08-22/console.log",
    "var/lib/cloud/instance/user-data.txt",
    "var/lib/systemd/random-seed",
    "var/log/amazon/ssm/agent.log",
    "var/log/audit/audit.log",
    "var/log/cloud-init.log",
    "var/log/journal/0123/system.journal",
    "var/log/syslog.1",
    "var/tmp/left",
];
/// What is emptied in place.
const EMPTIED: [&str; 3] = ["etc/machine-id", "var/log/syslog", "var/log/wtmp"];
const KEPT: [&str; 2] = ["etc/ssh/sshd_config", "opt/chat/chat"];

#[test]
fn what_must_not_be_in_an_image_is_cleaned_away() {
    let Some(root) = Root::make() else { return };
    root.clean();
    assert_eq!(root.left(&REMOVED), [""; 0]);
    for file in EMPTIED {
        assert_eq!(fs_err::read_to_string(root.path().join(file)).unwrap(), "", "{file}");
    }
    assert_eq!(root.left(&KEPT), KEPT);
}

#[test]
fn a_component_keeps_a_group_of_files() {
    let groups = [
        ("cloudinit", "var/lib/cloud/instance/user-data.txt"),
        ("instance", "etc/hostname"),
        ("ssh", "etc/ssh/ssh_host_ed25519_key"),
        ("instance_log", "var/log/audit/audit.log"),
        ("toe", "var/lib/amazon/toe/TOE_2026-08-22/console.log"),
        ("ssm_log", "var/log/amazon/ssm/agent.log"),
    ];
    for (group, file) in groups {
        let Some(root) = Root::make() else { return };
        let skip = format!("work/skip_cleanup_{group}_files");
        root.write(&skip);
        root.clean();
        assert_eq!(root.left(&groups.map(|(_, file)| file)), [file], "{group}");
        assert_eq!(root.left(&[&skip]), [""; 0]);
    }
}

/// A directory with the files of a build instance, in which the script runs with this machine's tools and no other file of it.
struct Root(tempfile::TempDir);

impl Root {
    /// `None`, with the reason, where this machine cannot do that.
    fn make() -> Option<Self> {
        let possible = Command::new("unshare").args(namespace()).arg("true").output();
        if !possible.is_ok_and(|output| output.status.success()) {
            crate::guests::skipped("this machine gives no mount namespace, and with that no root for the clean-up");
            return None;
        }
        let root = Self(tempfile::tempdir().unwrap());
        for folder in ["usr", "work", "seed", "dev"] {
            fs_err::create_dir(root.path().join(folder)).unwrap();
        }
        for folder in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(Path::new("usr").join(folder), root.path().join(folder)).unwrap();
        }
        REMOVED.iter().chain(&EMPTIED).chain(&KEPT).for_each(|file| root.write(file));
        fs_err::copy(script(), root.path().join("opt/sanitize.sh")).unwrap();
        Some(root)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str) {
        let path = self.path().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "of one instance").unwrap();
    }

    fn clean(&self) {
        let enter = "mount --bind /usr \"$0/usr\" && mount --bind /dev \"$0/dev\" && work=/work seed=/seed exec chroot \"$0\" /bin/sh /opt/sanitize.sh";
        let mut command = Command::new("unshare");
        command.args(namespace()).args(["sh", "-c", enter]).arg(self.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Which of these files are there.
    fn left<'a>(&self, files: &[&'a str]) -> Vec<&'a str> {
        files.iter().copied().filter(|file| self.path().join(file).exists()).collect()
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bake/sanitize.sh")
}

/// Needs no root where the kernel lets users have namespaces.
fn namespace() -> Vec<&'static str> {
    let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    ["--mount", "--propagation", "private"].iter().chain(user).copied().collect()
}
