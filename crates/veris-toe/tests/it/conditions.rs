//! `Assert` and `if`, as a component uses them.

use insta::assert_snapshot;

use crate::support::Sandbox;

#[test]
fn an_assertion_that_holds_lets_the_document_go_on() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Ask, action: ExecuteBash, inputs: {commands: [echo ready]}}
- name: Ready
  action: Assert
  inputs:
    and:
      - stringEquals: ready
        value: '{{ build.Ask.outputs.stdout }}'
      - not:
          fileExists: /no/such/file
",
    );
    assert_eq!(ran.succeeded().stderr, "[build] [Ask] ready\n");
}

#[test]
fn an_assertion_that_does_not_hold_shows_its_values() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Ask, action: ExecuteBash, inputs: {commands: [echo 7]}}
- name: Many
  action: Assert
  inputs:
    numberGreaterThan: 9
    value: '{{ build.Ask.outputs.stdout }}'
",
    );
    assert_snapshot!(ran.failed().failure(), @r#"document document.yaml: phase `build`: step `Many` (Assert): the assertion does not hold: numberGreaterThan: "9", value: "7""#);
}

#[test]
fn a_step_runs_or_is_skipped_by_its_if() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Usual, action: ExecuteBash, if: {fileExists: document.yaml}, inputs: {commands: [echo ran]}}
- {name: Not, action: ExecuteBash, if: {fileExists: other.yaml}, inputs: {commands: [echo ran]}}
- {name: Turned, action: ExecuteBash, if: {fileExists: document.yaml, then: Skip, else: Execute}, inputs: {commands: [echo ran]}}
",
    );
    let ran = ran.succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Usual] ran
    [build] [Not] skipped by its `if`
    [build] [Turned] skipped by its `if`
    ");
    let summary = ran.summary();
    assert_eq!((&summary["status"], &summary["executedStepCount"]), (&"success".into(), &1.into()));
    assert!(sandbox.log("detailedoutput.json").contains(r#""status": "skipped""#));
}

#[test]
fn an_if_that_aborts_fails_the_step() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Old, action: ExecuteBash, onFailure: Ignore, if: {fileExists: document.yaml, then: Abort}, inputs: {commands: [echo ran]}}
- {name: Needed, action: ExecuteBash, maxAttempts: 3, if: {fileExists: other.yaml, else: Abort}, inputs: {commands: [echo ran]}}
- {name: After, action: ExecuteBash, inputs: {commands: [echo ran]}}
",
    );
    assert_snapshot!(ran.failed().stderr, @r#"
    [build] [Old] failed (ignored): its `if` says Abort: fileExists: "document.yaml" is true
    [build] [Needed] failed: its `if` says Abort: fileExists: "other.yaml" is false
    "#);
}

#[test]
fn a_value_of_a_skipped_step_is_missing() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Ask, action: ExecuteBash, if: {fileExists: other.yaml}, inputs: {commands: [echo ran]}}
- {name: Use, action: ExecuteBash, inputs: {commands: ['echo {{ build.Ask.outputs.stdout }}']}}
",
    );
    assert_snapshot!(ran.failed().failure(), @"document document.yaml: phase `build`: step `Use` (ExecuteBash): `{{ build.Ask.outputs.stdout }}` has no value: the step left none");
}
