//! Directories of the host, and file systems and disks that are made of them.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What an image is made of.
pub(super) struct Source {
    directory: TempDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ext4,
    Xfs,
}

pub(super) const FORMATS: [Format; 2] = [Format::Ext4, Format::Xfs];
pub(super) const MIB: usize = 1 << 20;

impl Source {
    pub(super) fn empty() -> Self {
        let directory = tempfile::Builder::new().prefix("disk-audit-").tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    /// A small system without anything that a rule forbids, but with much that looks like it.
    pub(super) fn clean() -> Self {
        let source = Self::empty();
        for directory in ["tmp/.X11-unix", "var/tmp", "var/lib/cloud/scripts/per-boot", "var/log/journal", "proc"] {
            fs::create_dir_all(source.path(directory)).unwrap();
        }
        for (path, content) in [
            ("usr/lib/os-release", "ID=amzn\nVERSION_ID=2023\n"),
            (
                "etc/passwd",
                "root:x:0:0:root:/root:/bin/bash\nnobody:x:99:99::/:/sbin/nologin\nec2-user:x:1000:1000::/home/ec2-user:/bin/bash\n",
            ),
            ("etc/shadow", "root:*:19800::::::\nnobody:*:19800::::::\nec2-user:!!:19800::::::\n"),
            ("etc/machine-id", "uninitialized\n"),
            ("etc/hostname", "localhost\n"),
            ("etc/pki/ca-trust/anchor.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
            ("etc/service/allowed.pem", "-----BEGIN PRIVATE KEY-----\nMIIB\n"),
            ("usr/share/doc/openssl/example.pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n"),
            ("usr/lib/python3/credentials", "a module"),
            ("home/ec2-user/.bashrc", "alias ll='ls -l'\n"),
            ("home/ec2-user/.ssh/authorized_keys", ""),
            ("var/log/messages", ""),
            ("var/log/wtmp", ""),
            ("var/log/dnf.log", "Installed: bash\n"),
            ("var/cache/dnf/expired_repos.json", "[]"),
            ("var/lib/apt/lists/lock", ""),
        ] {
            source.write(path, content);
        }
        source.link("etc/os-release", "../usr/lib/os-release");
        source.link("var/lib/dbus/machine-id", "/etc/machine-id");
        source.link("root/.bash_history", "/dev/null");
        source.write("opt/service/service", service());
        fs::set_permissions(source.path("opt/service/service"), fs::Permissions::from_mode(0o755)).unwrap();
        source
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(super) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub(super) fn image(&self, format: Format, size: usize) -> Option<Vec<u8>> {
        match format {
            Format::Ext4 => self.ext4(size, &[]),
            Format::Xfs => self.xfs(size, &[]),
        }
    }

    /// `commands` are those of debugfs, which go on from what mke2fs has made.
    pub(super) fn ext4(&self, size: usize, commands: &[&str]) -> Option<Vec<u8>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut make = tool("mke2fs")?;
        make.args(["-q", "-F", "-t", "ext4", "-b", "4096", "-L", "root", "-U", "11111111-2222-3333-4444-555555555555"]);
        make.args(["-O", "metadata_csum,64bit", "-d"])
            .arg(self.root())
            .arg(file.path())
            .arg(format!("{}k", size >> 10));
        run(&mut make);
        for command in commands {
            run(tool("debugfs")?.args(["-w", "-R", command]).arg(file.path()));
        }
        Some(fs::read(file.path()).unwrap())
    }

    /// `options` are those of mkfs.xfs.
    pub(super) fn xfs(&self, size: usize, options: &[&str]) -> Option<Vec<u8>> {
        let prototype = tempfile::NamedTempFile::new().unwrap();
        let mut text = format!("boot\n0 0\n{}\n", mode(self.root()));
        describe(self.root(), &mut text);
        text.push_str("$\n");
        fs::write(prototype.path(), text).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut make = tool("mkfs.xfs")?;
        // File systems of less than 300 MB are made for the tests of XFS only.
        make.envs([("TEST_DIR", "1"), ("TEST_DEV", "1"), ("QA_CHECK_FS", "1")]);
        make.args(["-q", "-f", "-L", "root", "-m", "uuid=11111111-2222-3333-4444-555555555555", "-p"])
            .arg(prototype.path());
        make.arg("-d").arg(format!("file,name={},size={size}", file.path().display())).args(options);
        run(&mut make);
        Some(fs::read(file.path()).unwrap())
    }
}

/// Looks random, so that no two of its blocks are the same.
pub(super) fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect()
}

pub(super) fn service() -> Vec<u8> {
    noise(300_000)
}

/// The lines of a directory in a prototype file of mkfs.xfs.
fn describe(directory: &Path, text: &mut String) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let (name, kind) = (path.file_name().unwrap().to_str().unwrap(), path.symlink_metadata().unwrap().file_type());
        if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            let meta = path.symlink_metadata().unwrap();
            writeln!(text, "{name} l--777 {} {} {}", meta.uid(), meta.gid(), target.display()).unwrap();
        } else if kind.is_dir() {
            writeln!(text, "{name} {}", mode(&path)).unwrap();
            describe(&path, text);
            text.push_str("$\n");
        } else {
            writeln!(text, "{name} {} {}", mode(&path), path.display()).unwrap();
        }
    }
}

fn mode(path: &Path) -> String {
    let meta = path.metadata().unwrap();
    let (kind, mode) = (if meta.is_dir() { 'd' } else { '-' }, meta.mode());
    let flag = |bit, letter| if mode & bit == 0 { '-' } else { letter };
    format!("{kind}{}{}{:03o} {} {}", flag(0o4000, 'u'), flag(0o2000, 'g'), mode & 0o777, meta.uid(), meta.gid())
}

/// A disk with a GPT. Each partition has its size in MiB, its type, and what stands in it.
pub(super) fn gpt(partitions: &[(usize, &str, &[u8])]) -> Option<Vec<u8>> {
    let size = partitions.iter().map(|(size, ..)| size).sum::<usize>() + 2;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len((size * MIB) as u64).unwrap();
    let mut script = "label: gpt\n".to_owned();
    let mut start = 1;
    for (size, kind, _) in partitions {
        writeln!(script, "start={}, size={}, type={kind}", start * 2048, size * 2048).unwrap();
        start += size;
    }
    let script_file = tempfile::NamedTempFile::new().unwrap();
    fs::write(script_file.path(), script).unwrap();
    run(tool("sfdisk")?.arg("--quiet").arg(file.path()).stdin(fs::File::open(script_file.path()).unwrap()));
    let mut disk = fs::read(file.path()).unwrap();
    let mut start = MIB;
    for (size, _, content) in partitions {
        disk[start..start + content.len()].copy_from_slice(content);
        start += size * MIB;
    }
    Some(disk)
}

/// A program, or nothing, with the reason, where it is not installed.
pub(super) fn tool(name: &str) -> Option<Command> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    if let Some(found) = path.split(':').map(|directory| Path::new(directory).join(name)).find(|path| path.exists()) {
        return Some(Command::new(found));
    }
    assert!(std::env::var_os("VERIS_REQUIRE_GUESTS").is_none(), "guests are required, but `{name}` is not installed");
    eprintln!("skipped: there is no `{name}`; on Debian: apt-get install e2fsprogs xfsprogs fdisk");
    None
}

pub(super) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let talk = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{command:?}:\n{talk}");
}
