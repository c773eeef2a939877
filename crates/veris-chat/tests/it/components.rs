//! The component documents that bake this server, rendered as a bake does it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};
use serde_yaml::Value;

const DOCUMENTS: [&str; 4] = ["10-base.yaml", "20-veris-chat.yaml", "80-seal.yaml", "90-smoke.yaml"];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn render(name: &str) -> String {
    let syntax = SyntaxConfig::builder()
        .variable_delimiters("<{", "}>")
        .block_delimiters("<%", "%>")
        .comment_delimiters("<#", "#>")
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .unwrap();
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let template = std::fs::read_to_string(project().join("components").join(name)).unwrap();
    let (digest, uri) = ("a".repeat(64), "s3://bucket/key");
    let unit = context! { name => "veris-chat.service", uri => uri, sha256 => &digest };
    let file = context! { path => "/etc/veris-chat/config.yaml", uri => uri, sha256 => &digest, mode => "0644" };
    let values = context! {
        service => "veris-chat",
        artifact => context! { uri => uri, sha256 => &digest, install_path => "/opt/veris-chat/veris-chat" },
        units => [unit],
        files => [file],
        env_file => "/etc/veris-chat/.env",
        port => 8000,
    };
    environment.render_str(&template, values).unwrap()
}

/// Every step of a document with the name of its phase.
fn steps(document: &Value) -> Vec<(String, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let phases = document["phases"].as_sequence().unwrap();
    let of_phase = |phase: &Value| {
        let name = text(&phase["name"]);
        phase["steps"].as_sequence().unwrap().iter().map(move |step| (name.clone(), step.clone())).collect::<Vec<_>>()
    };
    phases.iter().flat_map(of_phase).collect()
}

#[test]
fn every_document_is_short_valid_yaml_with_the_phases_of_its_task() {
    let phases = DOCUMENTS.map(|name| {
        let text = render(name);
        assert!(text.chars().count() < 16_000, "{name} has {} characters", text.chars().count());
        let document: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(document["schemaVersion"].as_f64(), Some(1.0));
        let mut phases: Vec<_> = steps(&document).into_iter().map(|(phase, _)| phase).collect();
        phases.dedup();
        phases.join(" ")
    });
    assert_eq!(phases, ["build validate", "build validate", "build", "test"]);
}

#[test]
fn every_script_is_strict_and_bash_can_read_it() {
    for name in DOCUMENTS {
        let document: Value = serde_yaml::from_str(&render(name)).unwrap();
        for (_, step) in steps(&document).iter().filter(|(_, step)| step["action"] == "ExecuteBash") {
            let commands = step["inputs"]["commands"].as_sequence().unwrap();
            let script: String = commands.iter().map(|command| command.as_str().unwrap()).collect();
            assert!(script.starts_with("set -euo pipefail\n"), "{name}: {:?}", step["name"]);
            assert!(bash_reads(&script), "{name}: {:?}: {script}", step["name"]);
        }
    }
}

fn bash_reads(script: &str) -> bool {
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    bash.wait().unwrap().success()
}

#[test]
fn the_install_document_reads_as_intended() {
    insta::assert_snapshot!(render("20-veris-chat.yaml"));
}

#[test]
fn the_baked_configuration_is_accepted_by_the_server() {
    let config = project().join("config/veris-chat.yaml");
    let output = Command::new(env!("CARGO_BIN_EXE_veris-chat"))
        .env_clear()
        .arg("--check")
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    assert_eq!((output.status.success(), String::from_utf8(output.stderr).unwrap().as_str()), (true, ""));
}

/// What `systemd-analyze security` calls exposed counts against the server; the limit is 2.0 of 10.
#[test]
fn the_unit_gives_the_server_no_more_than_it_needs() {
    let unit = project().join("units/veris-chat.service");
    let analyzed =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=20"]).arg(unit).output();
    match analyzed {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => eprintln!("skipped: systemd-analyze cannot be run: {error}"),
    }
}
