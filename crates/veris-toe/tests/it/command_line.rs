//! Arguments, exit codes, and which stream says what.

use insta::assert_snapshot;

use crate::support::{Ran, Sandbox, document};

const FINE: &str = "- {name: Do, action: ExecuteBash, inputs: {commands: [echo done]}}";

#[track_caller]
fn refused(ran: Ran) -> String {
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn validate_answers_without_running() {
    let sandbox = Sandbox::new();
    sandbox.write("fine.yaml", &document("- {name: Do, action: ExecuteBash, inputs: {commands: [touch ran]}}"));
    sandbox.write("wrong.yaml", &document("- {name: Do, action: ExecuteBsh, inputs: {commands: [ls]}}"));
    let ran = sandbox.veris_toe(&["validate", "--documents", "fine.yaml"]).succeeded();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("fine.yaml: valid\n", ""));
    assert_snapshot!(refused(sandbox.veris_toe(&["validate", "--documents", "wrong.yaml"])), @"
    wrong.yaml:5:28: error: phase `build`, step `Do`: there is no action `ExecuteBsh`
      |       - {name: Do, action: ExecuteBsh, inputs: {commands: [ls]}}
      |                            ^^^^^^^^^^
      = did you mean `ExecuteBash`?
    ");
    assert_eq!(std::fs::read_dir(sandbox.path(".")).unwrap().count(), 2);
}

#[test]
fn nothing_runs_before_every_document_was_read() {
    let sandbox = Sandbox::new();
    sandbox.write("fine.yaml", &document("- {name: Do, action: ExecuteBash, inputs: {commands: [touch ran]}}"));
    assert_snapshot!(refused(sandbox.veris_toe(&["run", "-d", "fine.yaml,missing.yaml"])), @"error: cannot read missing.yaml: No such file or directory (os error 2)");
    assert!(!sandbox.path("ran").exists());
}

#[test]
fn bad_usage_is_explained() {
    let sandbox = Sandbox::new();
    let parameters = "parameters:\n  - Version: {type: string}\n";
    sandbox.write("fine.yaml", &document(FINE));
    sandbox.write("needy.yaml", &format!("{parameters}{}", document(FINE)));
    sandbox.write("config.json", r#"{"documents": [{"path": "fine.yaml"}], "cwLogGroup": "x"}"#);
    let run = |arguments: &[&str]| refused(sandbox.veris_toe(&[&["run"], arguments].concat()));
    assert_snapshot!(run(&["-d", "needy.yaml"]), @"error: needy.yaml: the parameter `Version` has neither a value nor a default; give it with `--parameters Version=…`");
    assert_snapshot!(run(&["-d", "fine.yaml", "-p", "biuld"]), @"error: no document has a phase `biuld`, and it is none of build, validate, test and container-host-test");
    assert_snapshot!(run(&["-d", "fine.yaml", "--parameters", "Version"]), @"error: `Version` is no parameter; write name=value,name2=value2");
    assert_snapshot!(run(&["-d", "fine.yaml", "-i", "../up"]), @"error: `../up` is no execution id; use at most 64 letters, digits and `-`");
    assert_snapshot!(run(&["-c", "config.json"]), @r"
    error: `cwLogGroup` is not supported: this runner sends nothing to CloudWatch and reads local documents only

    hint: `--log-s3-bucket-name` copies the logs to S3 when the run has ended
    ");
    assert!(run(&[]).contains("--documents"));
    assert!(run(&["-c", "config.json", "-d", "fine.yaml"]).contains("cannot be used with"));
}

#[test]
fn a_phase_that_a_document_does_not_have_is_nothing_to_do() {
    let sandbox = Sandbox::new();
    sandbox.write("fine.yaml", &document(FINE));
    let ran = sandbox.veris_toe(&["run", "-d", "fine.yaml", "-p", "test"]).succeeded();
    assert_eq!(ran.summary()["executedStepCount"], 0);
}

#[test]
fn logs_that_cannot_be_written_are_told() {
    let sandbox = Sandbox::new();
    sandbox.write("fine.yaml", &document(FINE));
    sandbox.write("file", "");
    let ran = sandbox.veris_toe(&["run", "-d", "fine.yaml", "-l", "file/logs"]);
    assert_eq!(ran.code, 1);
    assert_snapshot!(ran.stderr, @r"
    error: cannot create the folder file/logs: Not a directory (os error 20)

    hint: choose a folder you can write to with --log-directory and --state-directory
    ");
}

#[test]
fn trace_shows_what_the_runner_does() {
    let sandbox = Sandbox::new();
    sandbox.write("fine.yaml", &document(FINE));
    let ran = sandbox.veris_toe(&["run", "-d", "fine.yaml", "--trace"]).succeeded();
    assert!(ran.stderr.contains("Document fine.yaml"));
    assert!(ran.stderr.contains("[build] [Do] ExecuteBash ended: Success"));
}

#[test]
fn what_needs_services_of_aws_is_refused_by_name() {
    let sandbox = Sandbox::new();
    sandbox.write("fine.yaml", &document(FINE));
    let run = |arguments: &[&str]| refused(sandbox.veris_toe(&[&["run"], arguments].concat()));
    assert_snapshot!(run(&["-d", "fine.yaml", "--cw-log-group", "logs"]), @r"
    error: `--cw-log-group` is not supported: this runner sends nothing to CloudWatch and reads local documents only

    hint: `--log-s3-bucket-name` copies the logs to S3 when the run has ended
    ");
    assert_snapshot!(run(&["-d", "fine.yaml", "--log-s3-key-prefix", "x"]), @r"
    error: the logs have an owner or a prefix in S3, but no bucket

    hint: name it with `--log-s3-bucket-name`
    ");
    assert_snapshot!(run(&["-d", "fine.yaml", "--document-s3-bucket-owner", "123456789012"]), @r"
    error: `--document-s3-bucket-owner` is not supported: this runner sends nothing to CloudWatch and reads local documents only

    hint: name a local file; a document in S3 can be run by an `ExecuteDocument` step
    ");
    assert_snapshot!(run(&["-d", "s3://bucket/chat.yaml"]), @r"
    error: s3://bucket/chat.yaml is no local file

    hint: download it first, for example with `aws s3 cp` or `aws imagebuilder get-component`; a document in S3 can be run by an `ExecuteDocument` step, too
    ");
    sandbox.veris_toe(&["run", "-d", "fine.yaml", "--cw-ignore-failures"]).succeeded();
    assert!(sandbox.veris_toe(&["-v"]).succeeded().stdout.starts_with("veris-toe "));
    assert!(sandbox.veris_toe(&["run", "--version"]).succeeded().stdout.starts_with("veris-toe"));
}
