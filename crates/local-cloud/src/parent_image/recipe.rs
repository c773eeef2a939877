//! What the parent image is made of. Any change here makes another image with another digest.

use sha2::{Digest as _, Sha256};

/// Debian release.
pub(super) const SUITE: &str = "bookworm";

/// Size of the disk as the guest sees it; the file is as large as what is in it.
pub(super) const DISK_GIB: u32 = 8;

/// What is installed beside Debian's essential packages.
pub(super) const PACKAGES: &[&str] = &[
    "ca-certificates",
    "cloud-init",
    "curl",
    "dbus",
    "iproute2",
    "linux-image-cloud-amd64",
    "openssh-server",
    "procps",
    "systemd",
    "systemd-sysv",
    "udev",
];

/// What dpkg leaves out.
pub(super) const EXCLUDED: &[&str] =
    &["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/i18n/*"];

/// A file of ours.
pub(super) struct Asset {
    pub(super) path: &'static str,
    pub(super) mode: u32,
    pub(super) text: &'static str,
}

const fn asset(path: &'static str, mode: u32, text: &'static str) -> Asset {
    Asset { path, mode, text }
}

/// Files for the workspace of the build. Those below `overlay/` are copied into the image.
pub(super) const ASSETS: &[Asset] = &[
    asset("customize.sh", 0o755, include_str!("guest/customize.sh")),
    asset("make-disk.sh", 0o755, include_str!("guest/make-disk.sh")),
    asset("initrd-init", 0o755, include_str!("guest/initrd-init")),
    asset("overlay/etc/systemd/network/10-virtio.network", 0o644, include_str!("guest/10-virtio.network")),
    asset("overlay/etc/systemd/system/cloud-init.service", 0o644, include_str!("guest/cloud-init.service")),
    asset(
        "overlay/etc/systemd/system/local-cloud-agent.service",
        0o644,
        include_str!("guest/local-cloud-agent.service"),
    ),
    asset("overlay/etc/cloud/cloud.cfg", 0o644, include_str!("guest/cloud.cfg")),
    asset("overlay/etc/modprobe.d/local-cloud.conf", 0o644, include_str!("guest/blacklist.conf")),
    asset("overlay/etc/ssh/sshd_config.d/local-cloud.conf", 0o644, include_str!("guest/sshd.conf")),
    asset("overlay/etc/systemd/system/ssh.service.d/local-cloud.conf", 0o644, include_str!("guest/ssh.conf")),
    asset("overlay/usr/lib/local-cloud/active-keys", 0o755, include_str!("guest/active-keys")),
    asset("overlay/usr/lib/local-cloud/agent", 0o755, include_str!("guest/agent")),
    asset("overlay/usr/lib/local-cloud/host-key", 0o755, include_str!("guest/host-key")),
];

/// SHA-256 over everything above, in hexadecimal.
pub(super) fn digest() -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    add(SUITE);
    add(&DISK_GIB.to_string());
    add(&PACKAGES.join(" "));
    add(&EXCLUDED.join(" "));
    for asset in ASSETS {
        add(asset.path);
        add(&asset.mode.to_string());
        add(asset.text);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_listed_once_and_in_order() {
        assert!(PACKAGES.is_sorted_by(|before, after| before < after));
    }

    #[test]
    fn the_parent_is_debian_12_with_one_module_of_cloud_init() {
        assert_eq!(SUITE, "bookworm");
        assert!(["cloud-init", "curl", "systemd"].iter().all(|package| PACKAGES.contains(package)));
        assert!(!PACKAGES.contains(&"dnf"));
        let configuration = ASSETS.iter().find(|asset| asset.path.ends_with("/cloud.cfg")).unwrap();
        let configuration: serde_yaml::Value = serde_yaml::from_str(configuration.text).unwrap();
        let modules = ["init", "config", "final"].map(|stage| configuration[format!("cloud_{stage}_modules")].clone());
        assert_eq!(serde_json::json!(modules), serde_json::json!([["write-files"], [], []]));
    }

    #[test]
    fn sshd_waits_for_whoever_connects_and_the_image_has_no_host_key() {
        let text = |path: &str| ASSETS.iter().find(|asset| asset.path.ends_with(path)).unwrap().text;
        let customize = text("customize.sh");
        for line in
            ["systemctl disable --quiet ssh.service", "enable --quiet ssh.socket", "rm -f \"$root\"/etc/ssh/ssh_host_*"]
        {
            assert!(customize.contains(line), "{line}");
        }
        assert!(text("ssh.service.d/local-cloud.conf").contains("ExecStartPre=/usr/lib/local-cloud/host-key"));
        assert!(
            text("sshd_config.d/local-cloud.conf")
                .contains("AuthorizedKeysCommand /usr/lib/local-cloud/active-keys %u")
        );
    }

    #[test]
    fn the_digest_is_the_same_each_time() {
        assert_eq!(digest(), digest());
        assert_eq!(digest().len(), 64);
    }
}
