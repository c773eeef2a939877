//! What is refused before anything runs, and how the author is told.

use std::num::NonZeroI64;

use insta::assert_snapshot;
use proptest::prelude::*;
use veris_toe::document::{Branch, OnFailure, Over, Step, parse};

use crate::support::document;

/// The error and its cure, as the binary shows them.
fn refusal(text: &str) -> String {
    let error = parse(text, "chat.yaml").expect_err("the document is wrong");
    match error.cure() {
        Some(cure) => format!("{error}\nhint: {cure}"),
        None => error.to_string(),
    }
}

const COMPLETE: &str = r"
name: Chat
description: Everything the language has here
schemaVersion: 1.0
parameters:
  - Version: {type: string, default: '1.0', description: What is baked}
  - Commit: {type: string}
constants:
  - Folder: {type: string, value: /opt/chat}
phases:
  - name: build
    steps:
      - name: Fetch
        action: S3Download
        timeoutSeconds: 60
        onFailure: Continue
        maxAttempts: 3
        inputs:
          - source: s3://bucket/{{ Version }}/chat
            destination: '{{ Folder }}/chat'
  - name: test
    steps:
      - name: Ask
        action: ExecuteBash
        timeoutSeconds: -1
        inputs:
          commands: ['echo {{ build.Fetch.inputs[0].destination }} {{Commit}}']
";

#[test]
fn a_complete_document_is_understood() {
    let document = parse(COMPLETE, "chat.yaml").unwrap();
    assert_eq!(document.name.as_deref(), Some("Chat"));
    assert_eq!(document.parameters[1].default, None);
    let fetch = &document.phase("build").unwrap().steps[0];
    assert_eq!((fetch.action.as_str(), fetch.on_failure), ("S3Download", OnFailure::Continue));
    assert_eq!(fetch.max_attempts.get(), 3);
    let ask = &document.phases[1].steps[0];
    assert_eq!((ask.timeout, ask.on_failure), (None, OnFailure::Abort));
}

#[test]
fn an_unknown_action_is_met_with_the_nearest() {
    assert_snapshot!(refusal(&COMPLETE.replace("ExecuteBash", "ExecuteBsh")), @r"
    chat.yaml:24:17: phase `test`, step `Ask`: there is no action `ExecuteBsh`
    hint: did you mean `ExecuteBash`?
    ");
    assert_snapshot!(refusal(&COMPLETE.replace("ExecuteBash", "Teleport")), @r"
    chat.yaml:24:17: phase `test`, step `Ask`: there is no action `Teleport`
    hint: see the table of actions in the README of veris-toe
    ");
}

#[test]
fn actions_that_cannot_run_here_are_refused_by_name() {
    assert_snapshot!(refusal(&COMPLETE.replace("ExecuteBash", "InstallMSI")), @r"
    chat.yaml:24:17: phase `test`, step `Ask`: the action `InstallMSI` runs on Windows only
    hint: use `ExecuteBash` or `ExecuteBinary` on Linux
    ");
}

#[test]
fn windows_actions_are_refused_by_name() {
    for action in ["ExecutePowerShell", "InstallMSI", "SetRegistry", "UninstallMSI"] {
        for condition in ["", "if: {binaryExists: powershell}, "] {
            let step = format!("- {{name: Do, action: {action}, {condition}inputs: {{commands: [dir]}}}}");
            let refusal = refusal(&document(&step));
            assert!(refusal.contains(&format!("the action `{action}` runs on Windows only")), "{refusal}");
        }
    }
}

#[test]
fn keys_that_would_change_the_meaning_are_not_ignored() {
    assert_snapshot!(refusal(&COMPLETE.replace("onFailure: Continue", "onfailure: Continue")), @"
    chat.yaml:16:9: phase `build`, step `Fetch`: unknown key `onfailure`; the step has `name`, `action`, `timeoutSeconds`, `onFailure`, `maxAttempts`, `inputs`, `disableLogging`, `loop`, `if`
    hint: did you mean `onFailure`?
    ");
    assert_snapshot!(refusal(&COMPLETE.replace("Continue", "Retry")), @"chat.yaml:16:20: phase `build`, step `Fetch`: `onFailure` is `Retry`, and has to be one of `Abort`, `Continue`, `Ignore`");
}

/// A step with one key more, given as YAML.
fn step_with(key: &str) -> String {
    document(&format!("- {{name: Say, action: ExecuteBash, inputs: {{commands: [ls]}}, {key}}}"))
}

#[track_caller]
fn read_step(key: &str) -> Step {
    parse(&step_with(key), "chat.yaml").unwrap().phases.remove(0).steps.remove(0)
}

#[test]
fn loops_are_understood() {
    let over = |key: &str| read_step(key).r#loop.unwrap().over;
    let update_by = |step| NonZeroI64::new(step).unwrap();
    assert_eq!(
        over("loop: {for: {start: 0, end: 4, updateBy: 2}}"),
        Over::Range { start: 0, end: 4, update_by: update_by(2) }
    );
    assert_eq!(
        over("loop: {for: {start: 3, end: 1, updateBy: -1}}"),
        Over::Range { start: 3, end: 1, update_by: update_by(-1) }
    );
    assert_eq!(over("loop: {forEach: [a, b]}"), Over::List(vec!["a".to_owned(), "b".to_owned()]));
    let split = |delimiter: &str| Over::Split { list: "a b".to_owned(), delimiter: delimiter.to_owned() };
    assert_eq!(over("loop: {forEach: {list: a b, delimiter: ' '}}"), split(" "));
    assert_eq!(over("loop: {forEach: {list: a b}}"), split(","));
    assert_eq!(read_step("loop: {name: Files, forEach: [a]}").r#loop.unwrap().name.as_deref(), Some("Files"));
}

#[test]
fn conditions_are_understood() {
    let condition = read_step("if: {stringEquals: '{{ loop.value }}', value: a, then: Abort}").r#if.unwrap();
    assert_eq!(condition.test, serde_json::json!({"stringEquals": "{{ loop.value }}", "value": "a"}));
    assert_eq!((condition.then, condition.r#else), (Branch::Abort, Branch::Skip));
    let nested = read_step("if: {not: {binaryExists: tar, else: Abort}}").r#if.unwrap();
    assert_eq!((nested.test, nested.r#else), (serde_json::json!({"not": {"binaryExists": "tar"}}), Branch::Abort));
    let condition = read_step("if: {fileExists: /x}").r#if.unwrap();
    assert_eq!((condition.then, condition.r#else), (Branch::Execute, Branch::Skip));
}

#[test]
fn wrong_loops_and_conditions_are_refused() {
    let wrong = |key: &str| refusal(&step_with(key));
    assert_snapshot!(wrong("loop: {for: {start: 0, end: 4, updateBy: 0}}"), @"chat.yaml:5:99: phase `build`, step `Say`: the loop is wrong: `updateBy` is 0, so it would never end");
    assert_snapshot!(wrong("loop: {for: {start: 0, end: 4, updateBy: -1}}"), @"chat.yaml:5:99: phase `build`, step `Say`: the loop is wrong: `updateBy` is -1, which never leads from 0 to 4");
    assert_snapshot!(wrong("loop: {for: {start: '{{ Version }}', end: 4, updateBy: 1}}"), @"chat.yaml:5:81: phase `build`, step `Say`: the loop is wrong: `start` is {{ Version }}, and takes a whole number; values of references cannot be used");
    assert_snapshot!(wrong("loop: {name: loop, forEach: [a]}"), @"chat.yaml:5:74: phase `build`, step `Say`: the loop is wrong: `loop` is no valid name; use 1 to 128 letters, digits, `_` or `-`, and not `loop`");
    assert_snapshot!(wrong("loop: {forEach: {list: a|b, delimiter: '|'}}"), @"chat.yaml:5:96: phase `build`, step `Say`: the loop is wrong: `delimiter` is `|`; use one of . , ; : - _ space, newline and tab");
    assert_snapshot!(wrong("loop: {name: Files}"), @"chat.yaml:5:74: phase `build`, step `Say`: the loop is wrong: it has either `for` or `forEach`");
    assert_snapshot!(wrong("loop: {forEach: ['{{ Versoin }}']}"), @"
    chat.yaml:5:86: phase `build`, step `Say`: `{{ Versoin }}` names no parameter or constant of this document
    hint: declare `Versoin` under `parameters` or `constants`; for literal braces, declare a constant that holds them
    ");
    assert_snapshot!(wrong("if: {fileExists: /x, then: Exceute}"), @r#"chat.yaml:5:89: phase `build`, step `Say`: the condition is wrong: `then` is "Exceute"; it is one of Execute, Skip and Abort"#);
    assert_snapshot!(wrong("if: {then: Execute}"), @"chat.yaml:5:72: phase `build`, step `Say`: the condition is wrong: `if` has no operator");
    assert_snapshot!(wrong("if: {stringEquals: '{{ Versoin }}', value: a}"), @"
    chat.yaml:5:88: phase `build`, step `Say`: `{{ Versoin }}` names no parameter or constant of this document
    hint: declare `Versoin` under `parameters` or `constants`; for literal braces, declare a constant that holds them
    ");
}

#[test]
fn wrong_values_are_located() {
    assert_snapshot!(refusal(&COMPLETE.replace("schemaVersion: 1.0", "schemaVersion: 2")), @r"
    chat.yaml:4:16: `schemaVersion` is 2, this version reads 1.0
    hint: write `schemaVersion: 1.0`
    ");
    assert_snapshot!(refusal(&COMPLETE.replace("timeoutSeconds: 60", "timeoutSeconds: 0")), @"chat.yaml:15:25: phase `build`, step `Fetch`: `timeoutSeconds` is 0; it is a positive number of seconds, or -1 for no limit");
    assert_snapshot!(refusal(&COMPLETE.replace("maxAttempts: 3", "maxAttempts: 0")), @"chat.yaml:17:22: phase `build`, step `Fetch`: `maxAttempts` is 0; a step is attempted at least once");
    assert_snapshot!(refusal(&COMPLETE.replace("name: build", "name: bild").replace("name: test", "name: tset")), @"
    chat.yaml:10:1: the document has none of the phases build, validate and test
    hint: name a phase `build`, `validate` or `test`
    ");
    assert_snapshot!(refusal(&COMPLETE.replace("name: Fetch", "name: ''")), @"chat.yaml:13:15: phase `build`, step ``: a step has an empty name, a name longer than 128 bytes, or one with control characters");
}

#[test]
fn inputs_have_to_fit_the_action() {
    assert_snapshot!(refusal(&COMPLETE.replace("destination: ", "target: ")), @"chat.yaml:19:13: phase `build`, step `Fetch`: the inputs do not fit `S3Download`: entry 1: missing field `destination`");
    assert_snapshot!(refusal(&COMPLETE.replace("s3://bucket", "https://bucket").replace("/{{ Version }}", "")), @"chat.yaml:19:21: phase `build`, step `Fetch`: the inputs do not fit `S3Download`: entry 1: `https://bucket/chat` is no object in S3; write s3://bucket/key");
    let commands = "- {name: Say, action: ExecuteBash, inputs: [{commands: [ls]}]}";
    assert_snapshot!(refusal(&document(commands)), @"chat.yaml:5:50: phase `build`, step `Say`: the inputs do not fit `ExecuteBash`: they are names with values, not a list");
    let owner = "- {name: Write, action: CreateFile, inputs: [{path: /x, permissions: rwx}]}";
    assert_snapshot!(refusal(&document(owner)), @r#"chat.yaml:5:76: phase `build`, step `Write`: the inputs do not fit `CreateFile`: entry 1: `rwx` are no permissions; write three or four octal digits, such as "0755""#);
    let checksum =
        "- {name: Get, action: WebDownload, inputs: [{source: 'http://h/f', destination: /x, checksum: abc}]}";
    assert_snapshot!(refusal(&document(checksum)), @"chat.yaml:5:51: phase `build`, step `Get`: the inputs do not fit `WebDownload`: entry 1: `checksum` is no MD5, SHA1, SHA256 or SHA512 checksum");
}

#[test]
fn references_have_to_lead_somewhere() {
    assert_snapshot!(refusal(&COMPLETE.replace("{{ Version }}", "{{ Versoin }}")), @"
    chat.yaml:19:33: phase `build`, step `Fetch`: `{{ Versoin }}` names no parameter or constant of this document
    hint: did you mean `{{ Version }}`?
    ");
    assert_snapshot!(refusal(&COMPLETE.replace("build.Fetch.inputs[0]", "build.Fetsh.inputs[0]")), @"
    chat.yaml:27:28: phase `test`, step `Ask`: `{{ build.Fetsh.inputs[0].destination }}` names no step: there is no `Fetsh` in a phase `build`
    hint: refer to a step that runs earlier in the same document
    ");
    assert_snapshot!(refusal(&COMPLETE.replace("build.Fetch.inputs[0].destination", "test.Ask.outputs.stdout")), @"
    chat.yaml:27:28: phase `test`, step `Ask`: `{{ test.Ask.outputs.stdout }}` names a step that does not run before this one
    hint: refer to a step that runs earlier in the same document
    ");
    assert_snapshot!(refusal(&COMPLETE.replace("inputs[0].destination", "outputs.stdout")), @"chat.yaml:27:28: phase `test`, step `Ask`: `{{ build.Fetch.outputs.stdout }}` asks for an output that `S3Download` does not have; it has none");
}

#[test]
fn names_are_given_once() {
    assert_snapshot!(refusal(&COMPLETE.replace("Folder: {", "Version: {")), @"
    chat.yaml:9:5: the name `Version` is given twice in parameters and constants
    hint: give each its own name
    ");
    let twice = "- {name: A, action: ExecuteBash, inputs: {commands: [ls]}}\n- {name: A, action: ExecuteBash, inputs: {commands: [ls]}}";
    assert_snapshot!(refusal(&document(twice)), @"
    chat.yaml:6:16: phase `build`, step `A`: the name `A` is given twice in the phase's steps
    hint: give each its own name
    ");
}

#[test]
fn text_that_is_no_document() {
    assert_snapshot!(refusal("phases: [unclosed"), @"chat.yaml:2:1: while parsing a flow sequence, expected ',' or ']'");
    assert_snapshot!(refusal(""), @"chat.yaml:1:1: there is nothing");
    assert_snapshot!(refusal("schemaVersion: 1.0\n---\nschemaVersion: 1.0\n"), @"chat.yaml:2:1: a file holds one document; this begins a second one");
}

#[test]
fn a_document_cannot_exhaust_the_machine() {
    assert_snapshot!(refusal(&"#".repeat(5_000_000)), @"
    chat.yaml: the document has 5000000 bytes, more than 4194304
    hint: move large content into a file that a step downloads
    ");
    let long_alias = format!("a: &a {}\nb: [{}]", "x".repeat(100_000), "*a,".repeat(1000));
    assert_snapshot!(refusal(&long_alias), @"
    chat.yaml:2:500: the document holds too many values, or its aliases multiply them
    hint: write the values out instead of repeating them with `*aliases`
    ");
    let laughs = (1..9).map(|level| format!("a{level}: &a{level} [{}]", format!("*a{},", level - 1).repeat(9)));
    let inputs: Vec<String> = laughs.collect();
    let step = format!("- {{name: Laugh, action: ExecuteBash, inputs: {{a0: &a0 [x], {}}}}}", inputs.join(", "));
    assert_snapshot!(refusal(&document(&step)), @"
    chat.yaml:5:327: the document holds too many values, or its aliases multiply them
    hint: write the values out instead of repeating them with `*aliases`
    ");
    assert_snapshot!(refusal(&"[".repeat(100_000)), @"
    chat.yaml:1:256: values lie more than 100 levels deep in each other
    hint: close what is open; nested values are better written as blocks
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_the_reader_panic(start in 0..COMPLETE.len(), length in 0..40usize, insert in r"[-:{}\[\]&*!|>' \na-z0-9]{0,6}") {
        let end = (start + length).min(COMPLETE.len());
        let text = format!("{}{insert}{}", &COMPLETE[..start], &COMPLETE[end..]);
        if let Err(error) = parse(&text, "chat.yaml") {
            prop_assert!(error.to_string().starts_with("chat.yaml:"));
        }
    }
}
