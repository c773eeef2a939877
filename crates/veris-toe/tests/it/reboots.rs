//! Runs that stop for a reboot and go on after it. The machine is not rebooted: the same command is run again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Ran, Sandbox, document};

/// Runs `document.yaml` as a caller does that keeps its state where a reboot leaves it alone.
fn run(sandbox: &Sandbox) -> Ran {
    sandbox.veris_toe(&["run", "-d", "document.yaml", "-i", "id-1", "-s", "state", "-l", "logs"])
}

#[track_caller]
fn stopped_for_reboot(ran: &Ran) {
    assert_eq!(ran.code, 194, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.summary()["status"], "rebootRequired");
}

#[test]
fn the_reboot_action_goes_on_at_the_next_step() {
    let sandbox = Sandbox::new();
    let steps = r"
- {name: Before, action: ExecuteBash, inputs: {commands: [echo kept]}}
- {name: Restart, action: Reboot, inputs: {delaySeconds: 0}}
- {name: After, action: ExecuteBash, inputs: {commands: ['echo {{ build.Before.outputs.stdout }}']}}
";
    sandbox.write("document.yaml", &document(steps));
    let ran = run(&sandbox);
    stopped_for_reboot(&ran);
    assert_eq!(ran.stderr, "[build] [Before] kept\n");
    assert_eq!(ran.summary()["logUrl"], "[DIR]/logs/TOE_[TIME]_id-1");
    let state = sandbox.path("state/id-1.state.json");
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let ran = run(&sandbox).succeeded();
    assert_eq!(ran.stderr, "[build] [After] kept\n");
    assert_eq!(ran.summary()["executedStepCount"], 3);
    // One folder of logs, which tells of both parts; and no state is left.
    let logs: Vec<_> = fs::read_dir(sandbox.path("logs")).unwrap().collect();
    assert_eq!(logs.len(), 1);
    let console = fs::read_to_string(logs[0].as_ref().unwrap().path().join("console.log")).unwrap();
    assert_eq!(console.matches("Stdout: kept").count(), 2);
    assert_eq!(fs::read_dir(sandbox.path("state")).unwrap().count(), 0);
}

#[test]
fn exit_194_runs_the_same_step_again() {
    let sandbox = Sandbox::new();
    let steps = r"
- name: Update
  action: ExecuteBash
  maxAttempts: 2
  if: {not: {fileExists: updated}}
  inputs:
    commands:
      - echo x >> runs
      - touch updated
      - case $(wc -l < runs) in 1) exit 194;; 2) exit 3;; 3) exit 194;; *) echo done;; esac
";
    sandbox.write("document.yaml", &document(steps));
    stopped_for_reboot(&run(&sandbox));
    // `if` is not asked again, and the attempt that fails in between counts.
    let ran = run(&sandbox);
    stopped_for_reboot(&ran);
    assert_snapshot!(ran.stderr, @r"
    [build] [Update] attempt 1 of 2 failed: bash ended with exit code 3; it printed nothing
    [build] [Update] asks for a reboot, after which this step runs again
    ");
    assert_eq!(run(&sandbox).succeeded().stderr, "[build] [Update] done\n");
}

#[test]
fn a_loop_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    let steps = r#"
- {name: List, action: ExecuteBash, inputs: {commands: ['echo a,b,c']}}
- name: Each
  action: ExecuteBash
  loop: {forEach: {list: '{{ build.List.outputs.stdout }}'}}
  inputs: {commands: ['echo {{ loop.value }}; [ {{ loop.value }} != b ] || [ -e again ] || { touch again; exit 194; }']}
- name: Restart
  action: Reboot
  loop: {for: {start: 1, end: 2, updateBy: 1}}
  inputs: {}
- {name: Joined, action: ExecuteBash, inputs: {commands: ['echo "<{{ build.Each.outputs.stdout }}>"']}}
"#;
    sandbox.write("document.yaml", &document(steps));
    let mut shown = String::new();
    for _ in 0..3 {
        let ran = run(&sandbox);
        stopped_for_reboot(&ran);
        shown += &ran.stderr;
        shown += "~\n";
    }
    shown += &run(&sandbox).succeeded().stderr;
    assert_snapshot!(shown, @r"
    [build] [List] a,b,c
    [build] [Each] a
    [build] [Each] b
    [build] [Each] asks for a reboot, after which this step runs again
    ~
    [build] [Each] b
    [build] [Each] c
    ~
    ~
    [build] [Joined] <a
    [build] [Joined] b
    [build] [Joined] c>
    ");
}

#[test]
fn a_document_within_a_document_may_reboot() {
    let sandbox = Sandbox::new();
    let inner = r"
- {name: First, action: ExecuteBash, inputs: {commands: [echo first]}}
- {name: Restart, action: Reboot, inputs: {}}
- {name: Then, action: ExecuteBash, inputs: {commands: ['echo then {{ build.First.outputs.stdout }}']}}
";
    sandbox.write("inner.yaml", &document(inner));
    let steps = "- {name: Inner, action: ExecuteDocument, inputs: {document: inner.yaml}}";
    sandbox.write("document.yaml", &document(steps));
    stopped_for_reboot(&run(&sandbox));
    // What was read before the reboot is what goes on after it.
    sandbox.write("inner.yaml", "changed");
    let ran = run(&sandbox).succeeded();
    assert_eq!(ran.stderr, "[build] [Inner] [build] [Then] then first\n");
}

#[test]
fn a_step_cannot_reboot_for_ever() {
    let sandbox = Sandbox::new();
    sandbox.write("document.yaml", &document("- {name: Again, action: ExecuteBash, inputs: {commands: [exit 194]}}"));
    for _ in 0..15 {
        stopped_for_reboot(&run(&sandbox));
    }
    assert_snapshot!(run(&sandbox).failed().failure(), @"document document.yaml: phase `build`: step `Again` (ExecuteBash): asks for another reboot, after 15 in this run");
}

#[test]
fn a_run_goes_on_only_with_what_it_began_with() {
    let sandbox = Sandbox::new();
    let steps = "- {name: Restart, action: Reboot, inputs: {}}";
    sandbox.write("document.yaml", &document(steps));
    stopped_for_reboot(&run(&sandbox));
    sandbox.write("document.yaml", &document(&format!("{steps} # changed")));
    let refused = run(&sandbox);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert_snapshot!(refused.stderr, @r"
    error: the run `id-1` waits for a reboot with other documents, parameters or phases than these (see state/id-1.state.json)

    hint: give the same ones to go on, or remove state/id-1.state.json to run these from the beginning
    ");
    sandbox.write("document.yaml", &document(steps));
    run(&sandbox).succeeded();
}

#[test]
fn a_state_that_cannot_be_trusted_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("document.yaml", &document("- {name: Restart, action: Reboot, inputs: {}}"));
    stopped_for_reboot(&run(&sandbox));
    let state = sandbox.read("state/id-1.state.json");
    let refusal = |name: &str, text: &str| {
        sandbox.write(name, text);
        let ran = run(&sandbox);
        fs::remove_file(sandbox.path(name)).unwrap();
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        ran.stderr
    };
    let torn = refusal("state/id-1.state.json", &state[..state.len() / 2]);
    assert!(torn.starts_with("error: state/id-1.state.json is not the complete state of a run: EOF"), "{torn}");
    assert!(torn.ends_with("hint: remove state/id-1.state.json to run all of it from the beginning\n"), "{torn}");
    assert_snapshot!(refusal("state/id-1.state.json", &state.replacen("\"version\":1", "\"version\":2", 1)), @r"
    error: state/id-1.state.json was written by another version of veris-toe (its form is 2, this one reads 1)

    hint: remove state/id-1.state.json to run all of it from the beginning
    ");
    // A run that was killed after its reboot is not repeated from there by accident.
    assert_snapshot!(refusal("state/id-1.resumed.json", &state), @r"
    error: the run `id-1` went on after a reboot, but did not end (see state/id-1.resumed.json)

    hint: remove state/id-1.resumed.json to run all of it from the beginning
    ");
}

#[test]
fn the_state_holds_no_more_than_it_needs() {
    let sandbox = Sandbox::new();
    sandbox.write("document.yaml", &document("- {name: Restart, action: Reboot, inputs: {}}"));
    stopped_for_reboot(&run(&sandbox));
    let state: Value = serde_json::from_str(&sandbox.read("state/id-1.state.json")).unwrap();
    let keys: Vec<&String> = state.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["version", "request", "logDirectory", "reboots", "progress"]);
}
