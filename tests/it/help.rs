//! What a user reads before typing.

use crate::command::Sandbox;

#[test]
fn every_command_explains_itself() {
    let sandbox = Sandbox::new();
    let commands = [
        "",
        "bake",
        "launch",
        "rollback",
        "images",
        "status",
        "terminate",
        "local",
        "local up",
        "local down",
        "local status",
        "local env",
        "demo",
    ];
    let pages: Vec<String> = commands
        .iter()
        .map(|command| {
            let output = sandbox.veris(&format!("{command} --help")).output().unwrap();
            assert!(output.status.success(), "{}", sandbox.shown(&output));
            format!("$ veris {command} --help\n{}", String::from_utf8(output.stdout).unwrap())
        })
        .collect();
    insta::assert_snapshot!(pages.join("\n"));
}

#[test]
fn the_version_is_one_line() {
    let output = Sandbox::new().veris("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("veris ", env!("CARGO_PKG_VERSION"), "\n"));
}
