//! `veris check`: every defect of broken projects is found at its line, and a good project is clean.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use proptest::prelude::*;
use serde_json::Value;

use crate::command::Sandbox;

/// File, line and rule. Line 0 is the whole file.
type Place = (String, u64, String);

#[test]
fn every_defect_of_the_broken_files_is_found_at_its_line_and_nothing_else() {
    for folder in ["tests/broken", "crates/veris-toe/tests/broken"].map(Path::new) {
        let files = files_below(&root().join(folder));
        let expected: BTreeSet<Place> =
            files.iter().flat_map(|file| marked(file)).filter(|(_, _, rule)| can_find(rule)).collect();
        assert!(files.len() >= 30 && expected.len() >= 30, "{} files, {} defects", files.len(), expected.len());
        let output = here(&["check", "--output", "json", &folder.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let found: BTreeSet<Place> = findings(&output.stdout).iter().map(place).collect();
        let missed: Vec<_> = expected.difference(&found).collect();
        let surplus: Vec<_> = found.difference(&expected).collect();
        assert!(missed.is_empty() && surplus.is_empty(), "missed: {missed:#?}\nfound without reason: {surplus:#?}");
    }
}

#[test]
fn this_project_is_clean() {
    let started = Instant::now();
    let output = here(&["check"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.ends_with("checked, nothing found\n"), "{stdout}");
    assert!(started.elapsed().as_secs() < 20, "checking a handful of files took {:?}", started.elapsed());
}

/// A small project with one mistake of every kind.
fn mistaken() -> Sandbox {
    let sandbox = Sandbox::new();
    let recipe = crate::support::RECIPE.replace("port: 8000", "prot: 8000").replace("size_gib: 30", "size_gib: none");
    sandbox.project.write("recipes/chat.yaml", &recipe);
    sandbox.project.write("components/10-base.yaml", BASE);
    sandbox.project.write("components/20-chat.yaml", &BASE.replace("env_file", "envfile"));
    sandbox.project.write("units/chat.service", "[Unit]\nDescription=Chat\n[Service]\nExecStart=/usr/bin/chat\n");
    sandbox.project.write("config/chat.yaml", "password: correct-horse-battery\n");
    sandbox.project.write(".env", "MODEL=opus\nexport SECRET=hunter2\n");
    sandbox.project.write("components/notes.txt", "nothing of ours\n");
    sandbox
}

const BASE: &str = "\
name: <{ service }>-base
schemaVersion: 1.0
phases:
  - name: build
    steps:
<% for unit in units %>
      - name: Show<{ loop.index }>
        action: ExecuteBash
        inputs:
          commands: ['ls <{ env_file }> <{ unit.name }>']
<% endfor %>
";

#[test]
fn people_read_the_line_a_caret_and_the_cure() {
    insta::assert_snapshot!(mistaken().run("check"));
}

#[test]
fn programs_read_json() {
    insta::assert_snapshot!(mistaken().run("check --output json"));
}

#[test]
fn code_hosts_read_sarif() {
    let sandbox = mistaken();
    let file = sandbox.project.path().join("findings.sarif");
    let output = sandbox.veris("check --sarif findings.sarif").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let sarif = fs_err::read_to_string(file).unwrap();
    assert!(!sarif.contains("hunter2") && !sarif.contains("correct-horse"), "{sarif}");
    let log: Value = serde_json::from_str(&sarif).unwrap();
    let typed: serde_sarif::sarif::Sarif = serde_json::from_str(&sarif).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), log, "a key that the standard does not know is lost on the way");
    assert_eq!(log["version"], "2.1.0");
    let (run, rules) = (&log["runs"][0], log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap());
    assert!(run["tool"]["driver"]["name"].is_string());
    for result in run["results"].as_array().unwrap() {
        assert_eq!(rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()]["id"], result["ruleId"]);
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].is_string());
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(sandbox.project.path().join(uri).is_file(), "{uri} is relative to the folder of the check");
        assert!(place["region"].is_null() || place["region"]["startLine"].as_u64().unwrap() > 0);
    }
    insta::assert_snapshot!(sarif);
}

#[test]
fn a_component_is_checked_with_the_values_of_its_recipe() {
    let sandbox = mistaken();
    sandbox.project.write("components/10-base.yaml", BASE);
    insta::assert_snapshot!(sandbox.run("check components/10-base.yaml"), @r#"
    exit code: 0
    ----- stdout -----
    1 file checked, nothing found
    ----- stderr -----
    "#);
}

#[test]
fn what_is_none_of_ours_is_said_to_be_skipped() {
    insta::assert_snapshot!(mistaken().run("check components/notes.txt"), @r#"
    exit code: 0
    ----- stdout -----
    0 files checked, nothing found (1 file of another kind skipped)
    ----- stderr -----
    note: `components/notes.txt` is no recipe, component, unit, .env or configuration, so it was skipped
    "#);
}

#[test]
fn a_path_that_does_not_exist_is_bad_usage() {
    insta::assert_snapshot!(mistaken().run("check components/absent.yaml"), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no `components/absent.yaml` to check

    hint: name a file or a folder, or nothing for the whole project
    "#);
}

#[test]
fn without_systemd_the_check_says_what_it_left_out() {
    let sandbox = mistaken();
    let bin = tempfile::tempdir().unwrap();
    let bash = ["/usr/bin/bash", "/bin/bash"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    std::os::unix::fs::symlink(bash, bin.path().join("bash")).unwrap();
    let output = sandbox.veris("check units/chat.service").env("PATH", bin.path()).output().unwrap();
    insta::assert_snapshot!(sandbox.shown(&output), @r#"
    exit code: 1
    ----- stdout -----
    error[other-program]: ExecStart runs `/usr/bin/chat`, but the recipe installs `/opt/chat/chat`
     --> units/chat.service:4:1
      |
    4 | ExecStart=/usr/bin/chat
      | ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: start the program that the recipe installs: `ExecStart=/opt/chat/chat`, or correct `artifact.install_path`

    1 file checked: 1 error
    ----- stderr -----
    note: systemd-analyze is not on this machine, so only the form of the units was checked
    "#);
}

#[test]
fn a_bake_is_not_started_with_a_mistake() {
    let sandbox = mistaken();
    sandbox.project.write("recipes/chat.yaml", crate::support::RECIPE);
    let cloud = sandbox.listen();
    let shown = sandbox.run("bake");
    insta::assert_snapshot!(shown);
    assert_eq!(cloud.connections(), 1, "one look whether the cloud is up, and no call");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Whatever stands in a project's files, the check ends with an answer.
    #[test]
    fn any_text_is_checked(text in r"((service|phases|steps|- name|units|inputs)?:? ?|<\{|\}>|<%|%>|\n *|[a-c\[{\x00é=]){0,60}") {
        let sandbox = Sandbox::new();
        for file in ["recipes/chat.yaml", "components/10-base.yaml", "units/chat.service", ".env"] {
            sandbox.project.write(file, &text);
        }
        let output = sandbox.veris("check").output().unwrap();
        prop_assert!(matches!(output.status.code(), Some(0 | 1)), "{}", sandbox.shown(&output));
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn here(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veris"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command.env_remove("VERIS_PROJECT").env_remove("VERIS_ENVIRONMENT").output().unwrap()
}

fn findings(stdout: &[u8]) -> Vec<Value> {
    let report: Value = serde_json::from_slice(stdout).unwrap();
    report["findings"].as_array().unwrap().clone()
}

fn place(finding: &Value) -> Place {
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    (text("file"), finding["line"].as_u64().unwrap_or_default(), text("rule"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// What the comments of a file say must be found in it.
fn marked(file: &Path) -> Vec<Place> {
    let text = fs_err::read_to_string(file).unwrap();
    let shown = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    if shown.ends_with("README.md") {
        return Vec::new();
    }
    let marks = (1..).zip(text.lines()).flat_map(|(number, line)| {
        let (before, rules, whole) = match (line.split_once("# finds: "), line.split_once("# finds in file: ")) {
            (Some((before, rules)), _) => (before, rules, false),
            (_, Some((before, rules))) => (before, rules, true),
            _ => ("", "", false),
        };
        let line = if whole { 0 } else { number + u64::from(before.trim().is_empty()) };
        rules.split_whitespace().map(|rule| (shown.clone(), line, rule.to_owned())).collect::<Vec<_>>()
    });
    marks.collect()
}

/// Whether this machine has what the rule needs.
fn can_find(rule: &str) -> bool {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    !["systemd", "unknown-setting"].contains(&rule) || has("systemd-analyze")
}
