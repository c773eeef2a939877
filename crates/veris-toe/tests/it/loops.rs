//! Steps that run once for each value.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Ran, Sandbox};

fn looped(sandbox: &Sandbox, r#loop: &str, command: &str) -> Ran {
    sandbox.run_steps(&format!(
        "- name: Each\n  action: ExecuteBash\n  loop: {loop}\n  inputs:\n    commands: [\"{command}\"]\n\
         - {{name: Joined, action: ExecuteBash, inputs: {{commands: ['echo \"<{{{{ build.Each.outputs.stdout }}}}>\"']}}}}"
    ))
}

#[test]
fn a_range_counts_up_or_down_to_its_end() {
    let ran =
        looped(&Sandbox::new(), "{for: {start: 2, end: 6, updateBy: 2}}", "echo {{ loop.index }}={{ loop.value }}");
    assert_snapshot!(ran.succeeded().stderr, @r"
    [build] [Each] 0=2
    [build] [Each] 1=4
    [build] [Each] 2=6
    [build] [Joined] <0=2
    [build] [Joined] 1=4
    [build] [Joined] 2=6>
    ");
    let ran = looped(&Sandbox::new(), "{name: Down, for: {start: 1, end: -1, updateBy: -1}}", "echo {{ Down.value }}");
    assert!(ran.succeeded().stderr.ends_with("[build] [Joined] <1\n[build] [Joined] 0\n[build] [Joined] -1>\n"));
}

#[test]
fn a_list_holds_texts_and_values_of_steps() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Ask, action: ExecuteBash, inputs: {commands: ['echo b,c']}}
- name: Each
  action: CreateFile
  loop: {name: Files, forEach: [a, '{{ build.Ask.outputs.stdout }}']}
  inputs:
    - {path: '{{ Files.index }}.txt', content: '{{ loop.value }} of {{ Other.value }}'}
- name: Split
  action: ExecuteBash
  loop: {forEach: {list: '{{ build.Ask.outputs.stdout }}', delimiter: ','}}
  inputs: {commands: ['echo {{ loop.value }}']}
",
    );
    assert_eq!(ran.succeeded().stderr, "[build] [Ask] b,c\n[build] [Split] b\n[build] [Split] c\n");
    assert_eq!(
        (sandbox.read("0.txt").as_str(), sandbox.read("1.txt").as_str()),
        ("a of {{ Other.value }}", "b,c of {{ Other.value }}")
    );
    let detailed: Value = serde_json::from_str(&sandbox.log("detailedoutput.json")).unwrap();
    let step = &detailed["documents"][0]["phases"][0]["steps"][1];
    assert_snapshot!(step["loop"], @r#"{"name":"Files","iterations":[{"index":0,"value":"a","failureMessage":""},{"index":1,"value":"b,c","failureMessage":""}]}"#);
}

#[test]
fn a_failure_ends_the_loop() {
    let ran = looped(&Sandbox::new(), "{forEach: [a, b, c]}", "echo {{ loop.value }}; test {{ loop.value }} != b");
    assert_snapshot!(ran.failed().stderr, @r"
    [build] [Each] a
    [build] [Each] b
    [build] [Each] failed: iteration 1 (`b`): bash ended with exit code 1
    ");
}

#[test]
fn a_failure_that_is_let_pass_does_not_and_leaves_no_output() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r#"
- name: Each
  action: ExecuteBash
  onFailure: Ignore
  loop: {forEach: [a, b, c]}
  inputs: {commands: ['echo {{ loop.value }}; test {{ loop.value }} != b']}
- {name: Joined, action: ExecuteBash, inputs: {commands: ['echo "<{{ build.Each.outputs.stdout }}>"']}}
"#,
    );
    assert_eq!(ran.summary()["status"], "successWithIgnoredFailure");
    assert!(ran.succeeded().stderr.ends_with("[build] [Joined] <a\n[build] [Joined] c>\n"));
}

#[test]
fn another_attempt_repeats_every_iteration() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- name: Each
  action: ExecuteBash
  maxAttempts: 2
  loop: {forEach: [a, b]}
  inputs: {commands: ['echo {{ loop.value }} >> tries; test {{ loop.value }} = a || test $(wc -l < tries) -gt 2']}
",
    );
    ran.succeeded();
    assert_eq!(sandbox.read("tries"), "a\nb\na\nb\n");
}

#[test]
fn the_time_limit_holds_for_the_whole_loop() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- name: Each
  action: ExecuteBash
  timeoutSeconds: 1
  onFailure: Continue
  loop: {for: {start: 1, end: 1000, updateBy: 1}}
  inputs: {commands: [echo x >> tries, sleep 0.3]}
",
    );
    assert!(ran.failed().failure().contains("(`timeoutSeconds`)"));
    assert!(sandbox.read("tries").lines().count() < 6);
}
