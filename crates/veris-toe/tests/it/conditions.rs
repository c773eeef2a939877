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
