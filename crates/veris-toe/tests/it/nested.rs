//! Documents within documents.

use insta::assert_snapshot;
use serde_json::Value;

use crate::s3_server::S3;
use crate::support::{Sandbox, document};

const GREET: &str = r"
schemaVersion: 1.0
parameters:
  - Who: {type: string, default: nobody}
phases:
  - name: build
    steps:
      - {name: Greet, action: ExecuteBash, inputs: {commands: ['echo hello {{ Who }}']}}
  - name: validate
    steps:
      - {name: Check, action: ExecuteBash, inputs: {commands: ['echo checked']}}
";

fn nested(name: &str) -> String {
    document(&format!("- {{name: Go, action: ExecuteDocument, inputs: {{document: {name}}}}}"))
}

#[test]
fn a_step_runs_a_document_and_leaves_its_summary() {
    let sandbox = Sandbox::new();
    sandbox.write("greet.yaml", GREET);
    let ran = sandbox.run_steps(
        r"
- name: Go
  action: ExecuteDocument
  inputs:
    document: file://greet.yaml
    phases: build
    parameters: [{name: Who, value: world}, {name: Unknown, value: x}]
- name: Tell
  action: ExecuteBash
  inputs:
    commands: ['echo {{ build.Go.outputs.status }}, {{ build.Go.outputs.executedStepCount }} step']
",
    );
    assert_snapshot!(ran.succeeded().stderr, @r"
    [build] [Go] [build] [Greet] hello world
    [build] [Tell] success, 1 step
    ");
    let detailed: Value = serde_json::from_str(&sandbox.log("detailedoutput.json")).unwrap();
    let step = &detailed["documents"][0]["phases"][0]["steps"][0];
    assert_eq!((&step["timeoutSeconds"], &step["maxAttempts"]), (&(-1).into(), &1.into()));
    let inner = &step["detailedOutput"]["documents"][0];
    assert_eq!((&inner["filePath"], &inner["phases"][0]["steps"][0]["name"]), (&"greet.yaml".into(), &"Greet".into()));
}

#[test]
fn a_failure_inside_is_named_completely() {
    let sandbox = Sandbox::new();
    sandbox.write("inner.yaml", &document("- {name: Break, action: ExecuteBash, inputs: {commands: [exit 3]}}"));
    let ran = sandbox.run(&nested("inner.yaml"));
    assert_snapshot!(ran.failed().failure(), @"document document.yaml: phase `build`: step `Go` (ExecuteDocument): document inner.yaml: phase `build`: step `Break` (ExecuteBash): bash ended with exit code 3; it printed nothing");
}

#[test]
fn documents_cannot_run_themselves() {
    let sandbox = Sandbox::new();
    sandbox.write("inner.yaml", &nested("./document.yaml"));
    let failure = sandbox.run(&nested("inner.yaml")).failed().failure();
    assert!(
        failure.ends_with("./document.yaml runs itself: it is among the documents that this step is in"),
        "{failure}"
    );
}

#[test]
fn three_levels_are_enough() {
    let sandbox = Sandbox::new();
    sandbox.write("5.yaml", GREET);
    for level in 1..5 {
        sandbox.write(&format!("{level}.yaml"), &nested(&format!("{}.yaml", level + 1)));
    }
    sandbox.veris_toe(&["run", "-d", "2.yaml"]).succeeded();
    let ran = sandbox.veris_toe(&["run", "-d", "1.yaml"]).failed();
    assert!(ran.failure().ends_with("5.yaml lies more than 3 levels deep in other documents"), "{}", ran.failure());
}

#[test]
fn what_is_no_document_is_explained() {
    let failure = |name: &str| {
        let sandbox = Sandbox::new();
        sandbox.write("wrong.yaml", &document("- {name: Do, action: ExecuteBsh, inputs: {commands: [ls]}}"));
        sandbox.write("needy.yaml", &GREET.replace(", default: nobody", ""));
        let failure = sandbox.run(&nested(name)).failed().failure();
        failure.replace("document document.yaml: phase `build`: step `Go` (ExecuteDocument): ", "")
    };
    assert_snapshot!(failure("missing.yaml"), @"cannot read missing.yaml: No such file or directory (os error 2)");
    assert_snapshot!(failure("wrong.yaml"), @"wrong.yaml:5:28: phase `build`, step `Do`: there is no action `ExecuteBsh`");
    assert_snapshot!(failure("needy.yaml"), @"needy.yaml: the parameter `Who` has neither a value nor a default; give it with `--parameters Who=…`");
    assert_snapshot!(failure("arn:aws:imagebuilder:us-east-1:aws:component/cli/1.0.0/1"), @"cannot get arn:aws:imagebuilder:us-east-1:aws:component/cli/1.0.0/1: this needs Image Builder's GetComponent; name the document's file or its object in S3");
}

#[test]
fn a_document_may_be_an_object_in_s3() {
    let (sandbox, s3) = (Sandbox::new(), S3::start("components"));
    std::fs::write(s3.path("components/greet.yaml"), GREET).unwrap();
    sandbox.write("document.yaml", &nested("s3://components/greet.yaml"));
    let mut command = sandbox.command(&["run", "-d", "document.yaml", "-p", "build"]);
    let ran = sandbox.finish(command.envs(s3.variables()).output().unwrap()).succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Go] [build] [Greet] hello nobody
    [build] [Go] [validate] [Check] checked
    ");
    let missing = Sandbox::new();
    missing.write("document.yaml", &nested("s3://components/missing.yaml"));
    let mut command = missing.command(&["run", "-d", "document.yaml"]);
    let failure = missing.finish(command.envs(s3.variables()).output().unwrap()).failed().failure();
    assert!(failure.contains("s3://components/missing.yaml") && failure.contains("404"), "{failure}");
}
