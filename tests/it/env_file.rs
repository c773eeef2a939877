//! The `.env` on its way to the server: refused early, and read back as it was meant.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use veris::env_file::EnvFile;

use crate::command::Sandbox;

/// The server's own parser: both sides must agree.
#[path = "../../crates/veris-chat/src/env_file.rs"]
#[expect(unreachable_pub, reason = "another crate's file, of which only `parse` is used here")]
mod server;

proptest! {
    #[test]
    fn the_server_reads_what_the_tool_writes(
        variables in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,9}", "\\PC{0,40}", 0..6),
    ) {
        prop_assume!(!variables.keys().any(|name| name.starts_with("AWS_")));
        prop_assume!(!variables.values().any(|value| value.chars().any(char::is_control)));
        let written = EnvFile::default().over(&variables).unwrap().render();
        let read: BTreeMap<_, _> = server::parse(&written).unwrap().into_iter().collect();
        prop_assert_eq!(read, variables);
    }

    #[test]
    fn what_the_user_wrote_means_the_same_to_both(text in "([A-Z]{1,3} ?= ?[\"' ]{0,2}[a-z$# ]{0,5}[\"' ]{0,2}\n){0,4}") {
        if let Ok(file) = EnvFile::parse(&text, Path::new(".env"))
            && let Ok(direct) = server::parse(&text)
        {
            let direct: BTreeMap<_, _> = direct.into_iter().collect();
            let through: BTreeMap<_, _> = server::parse(&file.render()).unwrap().into_iter().collect();
            prop_assert_eq!(through, direct);
        }
    }
}

#[test]
fn a_bad_env_file_is_refused_before_any_call_and_shows_no_value() {
    let sandbox = Sandbox::new();
    let cloud = sandbox.listen();
    sandbox.project.write("bad.env", "REGION=x\nPASSWORD=\"hunter2\nhunter2\"\n");
    sandbox.project.write("big.env", &format!("BIG=hunter2{}\n", "x".repeat(13_000)));
    sandbox.project.write("keys.env", "AWS_SECRET_ACCESS_KEY=hunter2\n");
    fs_err::write(sandbox.project.path().join("binary.env"), b"A=\xff").unwrap();
    let files = ["bad.env", "big.env", "keys.env", "binary.env", "missing.env"];
    let shown: Vec<_> = files
        .iter()
        .map(|file| format!("$ veris launch --env-file {file}\n{}", sandbox.run(&format!("launch --env-file {file}"))))
        .collect();
    let shown = shown.join("\n");
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown);
    assert_eq!(cloud.connections(), files.len(), "one look whether the cloud is up each time, and no call");
}

#[test]
fn the_env_file_of_the_project_is_the_default() {
    let sandbox = Sandbox::new();
    let _cloud = sandbox.listen();
    sandbox.project.write(".env", "export A=1\n");
    let shown = sandbox.run("launch");
    assert!(shown.contains("`[PROJECT]/.env`, line 1: `export` does not belong here"), "{shown}");
}
