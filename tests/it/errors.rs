//! Bad input: what the user reads, and the exit code a script sees.

use std::process::Stdio;

use crate::command::Sandbox;

#[test]
fn outside_a_project_the_cure_is_named() {
    let sandbox = Sandbox::new();
    let empty = tempfile::tempdir().unwrap();
    let output = sandbox.veris("images").current_dir(empty.path()).output().unwrap();
    let shown = sandbox.shown(&output).replace(empty.path().to_str().unwrap(), "[EMPTY]");
    insta::assert_snapshot!(shown, @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: neither `[EMPTY]` nor a directory above it holds recipes/

    hint: change into your project, or name it with `--project DIR`
    ");
}

#[test]
fn a_project_without_a_recipe_or_with_two_must_be_told_which() {
    let sandbox = Sandbox::new();
    sandbox.project.write("recipes/other.yaml", "");
    insta::assert_snapshot!(sandbox.run("images"), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is more than one recipe: `recipes/chat.yaml`, `recipes/other.yaml`

    hint: choose one with `--recipe FILE`
    ");
    fs_err::remove_file(sandbox.project.path().join("recipes/other.yaml")).unwrap();
    fs_err::remove_file(sandbox.project.path().join("recipes/chat.yaml")).unwrap();
    insta::assert_snapshot!(sandbox.run("images"), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `[PROJECT]/recipes` holds no recipe

    hint: a recipe is a file recipes/NAME.yaml; see README.md
    ");
}

#[test]
fn an_unknown_environment_is_answered_with_the_known_ones() {
    insta::assert_snapshot!(Sandbox::new().run("status -e staging"), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: recipe `[PROJECT]/recipes/chat.yaml` has no environment `staging`

    hint: choose one of `local`, `prod`, or declare it under `environments:`
    ");
}

#[test]
fn the_environment_comes_from_the_variable_too() {
    let sandbox = Sandbox::new();
    let output = sandbox.veris("status").env("VERIS_ENVIRONMENT", "staging").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no environment `staging`"));
}

#[test]
fn every_command_that_needs_the_local_cloud_says_how_to_start_it() {
    let sandbox = Sandbox::new();
    for command in ["images", "status", "launch", "rollback", "terminate --all", "bake", "local env"] {
        let shown = sandbox.run(command);
        assert_eq!(
            shown,
            "exit code: 3\n----- stdout -----\n----- stderr -----\nerror: the local cloud is not running\n\n\
             hint: start it with `veris local up`\n",
            "veris {command}"
        );
    }
}

#[test]
fn the_endpoint_of_a_cloud_that_died_is_not_believed() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen();
    // The same pid in another life, as after a reboot.
    sandbox.write_endpoint("http://127.0.0.1:9", std::process::id(), crate::command::start_time() + 1);
    let shown = sandbox.run("status");
    assert!(shown.contains("the local cloud is not running"), "{shown}");
    assert_eq!(listener.connections(), 0);
}

#[test]
fn an_endpoint_variable_cannot_divert_calls_that_are_meant_for_aws() {
    let sandbox = Sandbox::new();
    let output = sandbox.veris("images -e prod").env("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:9").output().unwrap();
    insta::assert_snapshot!(sandbox.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `AWS_ENDPOINT_URL_EC2` is set, so calls for environment `prod` would not go to AWS

    hint: `unset AWS_ENDPOINT_URL_EC2`, or work in the local cloud with `--environment local`
    ");
}

#[test]
fn arguments_are_checked_before_anything_is_done() {
    let sandbox = Sandbox::new();
    for arguments in [
        "launch latest",
        "rollback 1.0",
        "terminate",
        "terminate --all 1.0.0",
        "images --output yaml",
        "local up --port 70000",
    ] {
        let output = sandbox.veris(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "veris {arguments}: {}", sandbox.shown(&output));
    }
    assert!(!sandbox.local_directory().exists());
}

#[test]
fn the_demo_never_plays_in_production() {
    let output = Sandbox::new().run("demo -e prod");
    assert!(output.starts_with("exit code: 2") && output.contains("the demo plays in the local cloud"), "{output}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let mut child = sandbox.veris("local status").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}
