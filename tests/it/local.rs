//! The local cloud's commands where no guest is needed.

use crate::command::Sandbox;

#[test]
fn stopping_what_does_not_run_is_no_error() {
    let sandbox = Sandbox::new();
    let expected = "exit code: 0\n----- stdout -----\nthe local cloud is not running\n----- stderr -----\n";
    assert_eq!(sandbox.run("local down"), expected);
    assert_eq!(sandbox.run("local down --delete"), expected);
    assert!(!sandbox.local_directory().exists());
}

#[test]
fn the_status_of_a_cloud_that_is_down_is_data_too() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.run("local status"), @r"
    exit code: 1
    ----- stdout -----
    the local cloud is down
    ----- stderr -----
    ");
    let shown = sandbox.run("local status --output json");
    let parent = local_cloud::parent_image::Choice::BuiltIn.digest();
    insta::assert_snapshot!(shown.replace(&parent, "[DIGEST]"), @r#"
    exit code: 1
    ----- stdout -----
    {
      "up": false,
      "url": null,
      "pid": null,
      "directory": "[HOME]/local",
      "parent": {
        "source": "built-in",
        "digest": "[DIGEST]"
      },
      "guests": []
    }
    ----- stderr -----
    "#);
}

#[test]
fn a_damaged_state_names_the_cure() {
    let sandbox = Sandbox::new();
    fs_err::create_dir_all(sandbox.local_directory()).unwrap();
    fs_err::write(sandbox.local_directory().join("state.json"), "{").unwrap();
    let shown = sandbox.run("local status");
    assert!(shown.starts_with("exit code: 2") && shown.contains("[HOME]/local/state.json"), "{shown}");
    assert!(shown.contains("veris local down --delete"), "{shown}");

    let shown = sandbox.run("local down --delete");
    assert!(shown.starts_with("exit code: 0") && shown.contains("its files are removed"), "{shown}");
    assert!(!sandbox.local_directory().exists());
}

#[test]
fn a_cloud_that_runs_is_not_started_twice() {
    let sandbox = Sandbox::new();
    let _cloud = sandbox.listen();
    let shown = sandbox.run("local up");
    assert!(
        shown.starts_with("exit code: 0\n----- stdout -----\nthe local cloud is already up at http://127.0.0.1:"),
        "{shown}"
    );
}

#[test]
fn a_host_without_qemu_is_told_what_to_install() {
    let sandbox = Sandbox::new();
    let empty = tempfile::tempdir().unwrap();
    let output = sandbox.veris("local up").env("PATH", empty.path()).output().unwrap();
    let shown = sandbox.shown(&output);
    assert!(shown.starts_with("exit code: 4") && shown.contains("`qemu-system-x86_64`"), "{shown}");
    assert!(shown.contains("hint: "), "{shown}");
}

#[test]
fn env_points_a_shell_at_the_cloud_and_away_from_any_other() {
    let sandbox = Sandbox::new();
    let _cloud = sandbox.listen();
    let script = format!("eval \"$({} local env)\" && env | grep ^AWS_ | sort", env!("CARGO_BIN_EXE_veris"));
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("VERIS_LOCAL_DIR", sandbox.local_directory())
        .env("AWS_PROFILE", "production")
        .env("AWS_SESSION_TOKEN", "old")
        .output()
        .unwrap();
    let variables = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = variables.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let expected =
        ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SECRET_ACCESS_KEY"];
    assert_eq!(names, expected, "{variables}");
    assert!(variables.contains("AWS_ENDPOINT_URL=http://127.0.0.1:"), "{variables}");
}
