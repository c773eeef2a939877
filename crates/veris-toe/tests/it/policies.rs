//! Phases, failure policies, attempts, values that travel between steps, and what is written about a run.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Sandbox, file_name};

const TWO_PHASES: &str = r#"
name: Chat
schemaVersion: 1.0
parameters:
  - Version: {type: string, default: '0.9'}
constants:
  - Greeting: {type: string, value: hello}
phases:
  - name: build
    steps:
      - name: Greet
        action: ExecuteBash
        inputs:
          commands:
            - WHO={{ Version }}
            - 'echo "{{ Greeting }} $WHO"'
      - name: Keep
        action: CreateFile
        inputs:
          - path: kept.txt
            content: '{{ build.Greet.outputs.stdout }}!'
  - name: validate
    steps:
      - name: Look
        action: ReadFile
        inputs:
          - path: '{{ build.Keep.inputs[0].path }}'
            printFileContent: true
"#;

#[test]
fn a_document_runs_phase_by_phase_and_hands_values_on() {
    let sandbox = Sandbox::new();
    sandbox.write("chat.yaml", TWO_PHASES);
    let arguments = [
        "run",
        "--documents",
        "chat.yaml",
        "--parameters",
        "Version=1.0.0",
        "--execution-id",
        "id-1",
        "--phases",
        "validate,build",
    ];
    let ran = sandbox.veris_toe(&arguments).succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Greet] hello 1.0.0
    [validate] [Look] hello 1.0.0!
    ");
    assert_snapshot!(ran.stdout, @r#"{"executionId":"id-1","status":"success","failedStepCount":0,"executedStepCount":3,"ignoredFailedStepCount":0,"failureMessage":"","logUrl":"[DIR]/TOE_[TIME]_id-1"}"#);
    assert_eq!(sandbox.read("kept.txt"), "hello 1.0.0!");
}

#[test]
fn the_log_folder_tells_the_whole_run() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(TWO_PHASES);
    let mut names: Vec<String> =
        std::fs::read_dir(sandbox.logs()).unwrap().map(|entry| file_name(&entry.unwrap().path())).collect();
    names.sort();
    assert_eq!(names, ["D0__document.yaml", "application.log", "chaining.json", "console.log", "detailedoutput.json"]);
    assert!(file_name(&sandbox.logs()).ends_with("_UTC-0_test"));
    assert_eq!(sandbox.log("D0__document.yaml"), TWO_PHASES);
    ran.succeeded();
    let console = sandbox.log("console.log");
    let lines: Vec<&str> = console.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(
        lines,
        [
            "the run begins",
            "Document document.yaml",
            "Phase build",
            "Step Greet",
            "Stdout: hello 0.9",
            "Step Keep",
            "Phase validate",
            "Step Look",
            "Content: hello 0.9!",
            "TOE has completed execution successfully"
        ]
    );
    let mut detailed: Value = serde_json::from_str(&sandbox.log("detailedoutput.json")).unwrap();
    hide_times(&mut detailed);
    assert_snapshot!(serde_json::to_string_pretty(&detailed).unwrap());
    assert_snapshot!(sandbox.log("chaining.json"));
}

#[test]
fn abort_stops_and_names_everything() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- name: Install
  action: ExecuteBash
  inputs:
    commands:
      - echo preparing >&2
      - echo 'no such package' >&2
      - exit 3
- {name: Never, action: ExecuteBash, inputs: {commands: [touch never]}}
",
    );
    let ran = ran.failed();
    assert_snapshot!(ran.failure(), @r"
    document document.yaml: phase `build`: step `Install` (ExecuteBash): bash ended with exit code 3; its last lines:
      preparing
      no such package
    ");
    assert_snapshot!(ran.stderr, @r"
    [build] [Install] preparing
    [build] [Install] no such package
    [build] [Install] failed: bash ended with exit code 3
    ");
    assert!(!sandbox.path("never").exists());
}

#[test]
fn continue_goes_on_but_the_document_failed() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Break, action: ExecuteBash, onFailure: Continue, inputs: {commands: ['false']}}
- {name: After, action: ExecuteBash, inputs: {commands: [touch after]}}
",
    );
    let summary = ran.failed().summary();
    assert_eq!((&summary["failedStepCount"], &summary["executedStepCount"]), (&1.into(), &2.into()));
    assert_eq!(summary["status"], "failed");
    assert!(sandbox.path("after").exists());
}

#[test]
fn an_ignored_failure_is_a_success() {
    let sandbox = Sandbox::new();
    let ran =
        sandbox.run_steps("- {name: Break, action: ExecuteBash, onFailure: Ignore, inputs: {commands: ['false']}}");
    let summary = ran.succeeded().summary();
    assert_eq!(summary["status"], "successWithIgnoredFailure");
    assert_eq!((&summary["failedStepCount"], &summary["ignoredFailedStepCount"]), (&0.into(), &1.into()));
}

#[test]
fn a_step_is_attempted_until_it_succeeds() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- name: Flaky
  action: ExecuteBash
  maxAttempts: 5
  inputs:
    commands:
      - echo x >> tries
      - test $(wc -l < tries) -eq 3
",
    );
    ran.succeeded();
    assert_eq!(sandbox.read("tries").lines().count(), 3);
}

#[test]
fn a_failed_document_stops_the_run() {
    let sandbox = Sandbox::new();
    let step = |command: &str| {
        crate::support::document(&format!("- {{name: Do, action: ExecuteBash, inputs: {{commands: ['{command}']}}}}"))
    };
    sandbox.write("one.yaml", &step("touch one"));
    sandbox.write("two.yaml", &step("exit 9"));
    sandbox.write("three.yaml", &step("touch three"));
    let ran = sandbox.veris_toe(&["run", "-d", "one.yaml,two.yaml,three.yaml"]).failed();
    assert!(
        ran.failure()
            .starts_with("document two.yaml: phase `build`: step `Do` (ExecuteBash): bash ended with exit code 9")
    );
    assert!(sandbox.path("one").exists());
    assert!(!sandbox.path("three").exists());
}

#[test]
fn build_and_test_share_no_values() {
    let sandbox = Sandbox::new();
    sandbox.write("chat.yaml", TWO_PHASES);
    let ran = sandbox.veris_toe(&["run", "-d", "chat.yaml", "-p", "validate"]).failed();
    assert_snapshot!(ran.failure(), @"document chat.yaml: phase `validate`: step `Look` (ReadFile): `{{ build.Keep.inputs[0].path }}` has no value: the step has not run here (build and test do not share values)");
}

#[test]
fn a_configuration_gives_each_document_its_values() {
    let sandbox = Sandbox::new();
    sandbox.write("chat.yaml", TWO_PHASES);
    sandbox.write(
        "config.json",
        r#"{"documents": [{"path": "chat.yaml", "parameters": [{"name": "Version", "value": ["1.2.3"]}]}],
            "parameters": [{"name": "Version", "value": "everywhere"}, {"name": "Unknown", "value": "ignored"}],
            "phases": "build"}"#,
    );
    let ran = sandbox.veris_toe(&["run", "--config", "config.json", "--log-directory", "logs/deep"]).succeeded();
    assert_eq!(ran.stderr, "[build] [Greet] hello 1.2.3\n");
    assert_eq!(sandbox.path("logs/deep").read_dir().unwrap().count(), 1);
}

fn hide_times(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_times),
        Value::Object(entries) => {
            for (name, entry) in entries {
                if name.ends_with("Time") {
                    *entry = "[TIME]".into();
                }
                hide_times(entry);
            }
        }
        _ => {}
    }
}

#[test]
fn what_a_step_with_disable_logging_prints_is_nowhere_but_in_its_outputs() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r#"
- name: Ask
  action: ExecuteBash
  disableLogging: true
  maxAttempts: 2
  inputs: {commands: ['echo hush$((40 + 2)); [ -e again ] || { touch again; exit 1; }']}
- {name: Use, action: ExecuteBash, inputs: {commands: ['[ "{{ build.Ask.outputs.stdout }}" = hush42 ] && echo known']}}
"#,
    );
    let ran = ran.succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Ask] attempt 1 of 2 failed: bash ended with exit code 1; its output is withheld (`disableLogging`)
    [build] [Use] known
    ");
    for name in ["console.log", "application.log"] {
        assert!(!sandbox.log(name).contains("hush42"), "{name}");
    }
    let detailed: Value = serde_json::from_str(&sandbox.log("detailedoutput.json")).unwrap();
    assert_eq!(detailed["documents"][0]["phases"][0]["steps"][0]["outputs"], "[]");
}

#[test]
fn values_come_from_the_environment_and_the_run() {
    let sandbox = Sandbox::new();
    let steps = "- {name: Tell, action: ExecuteBash, inputs: {commands: ['echo {{ env:COLOUR }} {{ context:executionId }} {{ context:phase }} {{ context:step }} {{ context:osPlatform }}']}}
- {name: Missing, action: ExecuteBash, onFailure: Ignore, inputs: {commands: ['echo {{ env:NO_SUCH }}']}}";
    sandbox.write("document.yaml", &crate::support::document(steps));
    let mut command = sandbox.command(&["run", "-d", "document.yaml", "-i", "id-1"]);
    let ran = sandbox.finish(command.env("COLOUR", "green").output().unwrap()).succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Tell] green id-1 build Tell linux
    [build] [Missing] failed (ignored): `{{ env:NO_SUCH }}` has no value: the runner's environment has no such variable
    ");
}
