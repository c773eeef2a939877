//! `UpdateOS` with package managers that only tell how they were called.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::support::{Ran, Sandbox, document};

/// A machine that has these package managers. Each prints how it was called, and ends with the exit code given.
fn machine(managers: &[(&str, u8)]) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("bin")).unwrap();
    for (name, code) in managers {
        let script = format!(
            "#!/bin/sh\necho \"called: {name} $* [$DEBIAN_FRONTEND]\"\ncat /dev/stdin\nfor word in \"$@\"; do case $word in Dir::Etc::Preferences=*) cat \"${{word#*=}}\";; esac; done\nexit {code}\n"
        );
        let path = sandbox.write(&format!("bin/{name}"), &script);
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    sandbox
}

/// Runs `UpdateOS` with the machine's managers alone.
fn update(sandbox: &Sandbox, inputs: &str) -> Ran {
    let inputs = if inputs.is_empty() { String::new() } else { format!(", inputs: {inputs}") };
    sandbox.write("document.yaml", &document(&format!("- {{name: Update, action: UpdateOS{inputs}}}")));
    let mut command = sandbox.command(&["run", "-d", "document.yaml"]);
    // `sh` and `cat` of the scripts, but no package manager of the machine that runs the tests.
    let tools = sandbox.path("tools");
    if !tools.exists() {
        fs::create_dir(&tools).unwrap();
        for tool in ["sh", "cat"] {
            let found = env::split_paths(&env::var_os("PATH").unwrap())
                .map(|folder| folder.join(tool))
                .find(|path| path.exists());
            std::os::unix::fs::symlink(found.unwrap(), tools.join(tool)).unwrap();
        }
    }
    let path = env::join_paths([sandbox.path("bin"), tools]).unwrap();
    sandbox.finish(command.env("PATH", path).env_remove("DEBIAN_FRONTEND").output().unwrap())
}

#[test]
fn dnf_comes_before_yum_and_apt() {
    let sandbox = machine(&[("apt-get", 0), ("dnf", 0), ("yum", 0)]);
    assert_snapshot!(update(&sandbox, "").succeeded().stderr, @r"
    [build] [Update] dnf -y upgrade
    [build] [Update] called: dnf -y upgrade [noninteractive]
    ");
    let inputs = "{include: ['kernel*', openssl, bash], exclude: [kernel-devel, 'open*']}";
    assert_snapshot!(update(&sandbox, inputs).succeeded().stderr, @r"
    [build] [Update] dnf -y --exclude=kernel-devel --exclude=open* upgrade kernel* bash
    [build] [Update] called: dnf -y --exclude=kernel-devel --exclude=open* upgrade kernel* bash [noninteractive]
    ");
}

#[test]
fn yum_comes_before_apt() {
    let sandbox = machine(&[("apt-get", 0), ("yum", 0)]);
    assert_snapshot!(update(&sandbox, "{exclude: [ec2-hibinit-agent]}").succeeded().stderr, @r"
    [build] [Update] yum -y --exclude=ec2-hibinit-agent update
    [build] [Update] called: yum -y --exclude=ec2-hibinit-agent update [noninteractive]
    ");
}

#[test]
fn apt_excludes_by_preferences() {
    let sandbox = machine(&[("apt-get", 0)]);
    let scratch = |ran: Ran| {
        let line = ran.stderr.replace("[build] [Update] ", "");
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for word in &mut words {
            if word.starts_with("Dir::Etc::Preferences=") {
                "Dir::Etc::Preferences=[SCRATCH]/preferences".clone_into(word);
            }
        }
        words.join(" ")
    };
    assert_snapshot!(scratch(update(&sandbox, "{}").succeeded()), @r"
    apt-get -y -o DPkg::Lock::Timeout=600 update
    called: apt-get -y -o DPkg::Lock::Timeout=600 update [noninteractive]
    apt-get -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --with-new-pkgs upgrade
    called: apt-get -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --with-new-pkgs upgrade [noninteractive]
    ");
    assert_snapshot!(scratch(update(&sandbox, "{include: [bash, 'linux-*'], exclude: ['linux-image*', snapd]}").succeeded()), @r"
    apt-get -y -o DPkg::Lock::Timeout=600 update
    called: apt-get -y -o DPkg::Lock::Timeout=600 update [noninteractive]
    apt-get -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dir::Etc::Preferences=[SCRATCH]/preferences --only-upgrade install bash linux-*
    called: apt-get -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dir::Etc::Preferences=[SCRATCH]/preferences --only-upgrade install bash linux-* [noninteractive]

    Package: linux-image*
    Pin: release *
    Pin-Priority: -1

    Package: snapd
    Pin: release *
    Pin-Priority: -1
    ");
}

#[test]
fn nothing_left_to_include_updates_nothing() {
    let sandbox = machine(&[("dnf", 0)]);
    let ran = update(&sandbox, "{include: [kernel, kernel-tools], exclude: ['kernel*']}").succeeded();
    assert_snapshot!(ran.stderr, @"[build] [Update] every package of `include` is in `exclude`; there is nothing to update");
}

#[test]
fn a_manager_that_fails_fails_the_step() {
    let ran = update(&machine(&[("dnf", 1)]), "{}").failed();
    assert_snapshot!(ran.failure(), @r"
    document document.yaml: phase `build`: step `Update` (UpdateOS): dnf ended with exit code 1; its last lines:
      called: dnf -y upgrade [noninteractive]
    ");
    let ran = update(&machine(&[]), "{}").failed();
    assert_snapshot!(ran.failure(), @"document document.yaml: phase `build`: step `Update` (UpdateOS): there is no dnf, yum or apt-get on the PATH");
    let ran = update(&machine(&[("dnf", 0)]), "{include: [--setopt=x]}");
    assert_eq!(ran.code, 2);
    assert_snapshot!(ran.stderr, @"error: document.yaml:5:61: phase `build`, step `Update`: the inputs do not fit `UpdateOS`: `--setopt=x` is no package; write its name, in which `*` stands for any text");
}
