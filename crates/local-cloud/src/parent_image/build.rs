//! From nothing to a parent image.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use super::host::{self, Mode};
use super::manifest::{Manifest, Origin};
use super::recipe::{self, DISK_GIB, EXCLUDED, PACKAGES, SUITE};
use super::workspace::{self, Workspace};
use super::{ParentError, failed};

/// Lines of a program's output that an error repeats.
const TAIL: usize = 25;

pub(super) fn build(target: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), ParentError> {
    let cache = target.parent().unwrap_or(Path::new("/"));
    let mode = host::check(cache, &workspace::base())?;
    let workspace = Workspace::make(target, mode)?;
    progress("installing Debian 12 into the parent image");
    install(&workspace, mode, progress)?;
    progress("making the parent image's disk");
    let disk = workspace.directory.join("out/disk.qcow2");
    let mut command = workspace.as_root("sh");
    command.arg(workspace.directory.join("make-disk.sh")).arg(workspace.directory.join("root")).arg(&disk);
    command.arg(DISK_GIB.to_string()).env("PATH", path());
    run("mkfs.ext4", command, &mut |_| ())?;
    progress("keeping the parent image in the cache");
    keep(target, &workspace.directory.join("out")).map_err(failed("put the parent image into the cache"))
}

fn install(workspace: &Workspace, mode: Mode, progress: &mut dyn FnMut(&str)) -> Result<(), ParentError> {
    let directory = workspace.directory.display();
    let mut command = Command::new("mmdebstrap");
    command.arg(match mode {
        Mode::Root => "--mode=root",
        Mode::Unshare => "--mode=unshare",
    });
    command.args(["--variant=minbase", "--architectures=amd64", "--format=directory"]);
    command.arg(format!("--include={}", PACKAGES.join(",")));
    // The result is thrown away when anything fails, so nothing needs to be synced; no translations; no initial RAM disk.
    command.args(["--aptopt=Acquire::Languages \"none\"", "--dpkgopt=force-unsafe-io", "--dpkgopt=force-confold"]);
    command.arg("--essential-hook=mkdir -p \"$1/etc/initramfs-tools\" && echo update_initramfs=no >\"$1/etc/initramfs-tools/update-initramfs.conf\"");
    command.args(EXCLUDED.iter().map(|pattern| format!("--dpkgopt=path-exclude={pattern}")));
    command.arg(format!("--customize-hook=sh '{directory}/customize.sh' \"$1\" '{directory}'"));
    command.arg(SUITE).arg(workspace.directory.join("root"));
    command.env("PATH", path()).env("TMPDIR", &workspace.directory).env("LC_ALL", "C");
    run("mmdebstrap", command, &mut |line| {
        if let Some(phase) = line.strip_prefix("I: ").and_then(|line| line.strip_suffix("...")) {
            progress(phase);
        }
    })
}

/// `mkfs.ext4` and `chroot` lie where a user's `PATH` may not look.
fn path() -> std::ffi::OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    path
}

/// Runs a program to its end, passing each line of its output to `listen`.
fn run(program: &'static str, mut command: Command, listen: &mut dyn FnMut(&str)) -> Result<(), ParentError> {
    let attempt = format!("run `{program}`");
    let started = failed(&attempt);
    let (reader, writer) = io::pipe().map_err(failed("make a pipe"))?;
    let errors = writer.try_clone().map_err(failed("make a pipe"))?;
    let mut child = command.stdin(Stdio::null()).stdout(writer).stderr(errors).spawn().map_err(started)?;
    // The command holds the pipe's other ends, and with them the pipe open.
    drop(command);
    let tail = follow(reader, listen);
    let status = child.wait().map_err(failed(&format!("wait for `{program}`")))?;
    if status.success() {
        return Ok(());
    }
    Err(ParentError::Program { program, status, explanation: explanation(&tail), output: tail.join("\n") })
}

fn follow(output: impl Read, listen: &mut dyn FnMut(&str)) -> Vec<String> {
    let mut tail = Vec::new();
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        listen(&line);
        if tail.len() == TAIL {
            tail.remove(0);
        }
        tail.push(line);
    }
    tail
}

fn explanation(tail: &[String]) -> &'static str {
    let says = |text: &str| tail.iter().any(|line| line.contains(text));
    if says("No space left on device") {
        "; the disk is full: free some space, or choose another place with TMPDIR"
    } else if says("Could not resolve") || says("Temporary failure resolving") || says("Could not connect") {
        "; Debian's package archive was not reached: check the network, or set http_proxy"
    } else if says("keyring") {
        "; the archive's keys are missing: sudo apt-get install --yes debian-archive-keyring"
    } else {
        ""
    }
}

/// Copies the files into the cache and gives the directory its name once all of them are on disk.
fn keep(target: &Path, out: &Path) -> io::Result<()> {
    let unnamed = workspace::unnamed(target);
    workspace::remove_directory(&unnamed)?;
    fs_err::create_dir(&unnamed)?;
    for name in ["disk.qcow2", "vmlinuz", "initrd"] {
        fs_err::copy(out.join(name), unnamed.join(name))?;
    }
    let origin = origin(&fs_err::read_to_string(out.join("packages"))?);
    Manifest { digest: recipe::digest(), origin }.keep(&unnamed, target)
}

fn origin(packages: &str) -> Origin {
    let versions = packages.lines().filter_map(|line| line.split_once(' '));
    let packages = versions.map(|(name, version)| (name.to_owned(), version.to_owned())).collect();
    Origin::Built { suite: SUITE.to_owned(), packages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_reported_with_the_end_of_its_output_and_the_cure() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo I: one...; echo tar: x: No space left on device >&2; exit 3"]);
        let mut heard = Vec::new();
        let error = run("sh", command, &mut |line| heard.push(line.to_owned())).unwrap_err().to_string();
        assert_eq!(heard.len(), 2);
        assert!(error.contains("exit status: 3; the disk is full"), "{error}");
        assert!(error.ends_with("tar: x: No space left on device"), "{error}");
    }
}
