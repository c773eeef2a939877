//! What a user reads before typing.

use crate::command::Sandbox;

#[test]
fn every_command_explains_itself() {
    let sandbox = Sandbox::new();
    let commands = [
        "",
        "bake",
        "check",
        "launch",
        "rollback",
        "promote",
        "history",
        "images",
        "status",
        "verify",
        "console",
        "logs",
        "ssh",
        "connect",
        "env",
        "env diff",
        "start",
        "stop",
        "restart",
        "resize",
        "allow-ip",
        "terminate",
        "prune",
        "gc",
        "update",
        "setup",
        "doctor",
        "show",
        "diff",
        "sign",
        "verify-image",
        "local",
        "local up",
        "local down",
        "local status",
        "local env",
        "demo",
        "completions",
        "man",
    ];
    let pages: Vec<String> = commands
        .iter()
        .map(|command| {
            let output = sandbox.veris(&format!("{command} --help")).output().unwrap();
            assert!(output.status.success(), "{}", sandbox.shown(&output));
            let page = String::from_utf8(output.stdout).unwrap();
            format!("$ veris {command} --help\n{}", if command.is_empty() { page } else { without_globals(&page) })
        })
        .collect();
    insta::assert_snapshot!(pages.join("\n"));
}

#[test]
fn the_version_is_one_line() {
    let output = Sandbox::new().veris("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("veris ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// The global options are the same on every page.
fn without_globals(page: &str) -> String {
    let (own, rest) = page.split_once("Global options:\n").unwrap();
    let (_, example) = rest.split_once("\nExample").unwrap();
    format!("{own}Example{example}")
}
