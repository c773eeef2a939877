//! What CI reads on stderr with `--output json`: an event on each line.

use std::process::Output;

use serde_json::{Value, json};

use crate::command::Sandbox;
use crate::deploy::operator::Operator;
use crate::stand_in::Cloud;

#[test]
fn a_bake_tells_each_of_its_stages() {
    let Some(cloud) = Cloud::up() else { return };
    let first = bake(&cloud, "1.2.3");
    let images = cloud.json(&["images"]);
    insta::assert_snapshot!(stages(&first).replace(images[0]["imageId"].as_str().unwrap(), "[AMI]"), @r"
    compile chat: stage-done
    upload to s3://veris-local: stage-done
    create the recipe: stage-done
    wait for Image Builder: stage-done
    build: LaunchBuildInstance: stage-done
    build: ApplyBuildComponents: stage-done
    build: RunSanitizeScript: stage-done
    build: CreateOutputAMI: stage-done
    build: TerminateBuildInstance: stage-done
    test: LaunchTestInstance: stage-done
    test: ApplyTestComponents: stage-done
    test: TerminateTestInstance: stage-done
    verify [AMI]: stage-done
    read the disk of [AMI]: stage-done
    ");
    let install = |events: &[Value]| -> Value {
        let install = json!({"event": "stage-started", "stage": "build: ApplyBuildComponents"});
        let is_install = |event: &&Value| event["event"] == install["event"] && event["stage"] == install["stage"];
        events.iter().find(is_install).unwrap()["lastSeconds"].clone()
    };
    assert_eq!(install(&first), Value::Null, "it was never done before");

    cloud.project.write("src/main.rs", "fn main() { println!(\"more\") }\n");
    let second = bake(&cloud, "1.3.0");
    assert!(install(&second).as_f64().unwrap() > 0.0, "{second:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_fails_tells_why_in_its_last_event() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let ada = Operator::of(&cloud).await;
    cloud.mood("1.0.0", "sick");
    let launch = ["launch", "1.0.0", "--timeout", "1", "--output", "json", "--env-file", &ada.env_file()];
    let output = cloud.veris(&launch).output().unwrap();
    let events = events(&output);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{events:#?}");
    let error = events.last().unwrap();
    assert_eq!((&error["event"], &error["exitCode"]), (&json!("error"), &json!(1)));
    assert!(error["message"].as_str().unwrap().contains("was terminated"), "{error}");
    assert!(!error["hints"].as_array().unwrap().is_empty(), "{error}");
    let waited = |event: &Value| event["stage"].as_str().is_some_and(|stage| stage.starts_with("Wait until http"));
    let of_wait: Vec<&Value> = events.iter().filter(|event| waited(event)).map(|event| &event["event"]).collect();
    assert_eq!(of_wait.first(), Some(&&json!("stage-started")));
    assert_eq!(of_wait.last(), Some(&&json!("stage-failed")));
    let reason =
        |event: &Value| waited(event) && event["text"].as_str().is_some_and(|text| text.contains("answered 500"));
    assert!(events.iter().any(reason), "{events:#?}");
}

#[test]
fn bad_input_is_an_event_too() {
    let output = Sandbox::new().veris("status -e staging --output json").output().unwrap();
    let [error] = &events(&output)[..] else { panic!("more than one event") };
    assert_eq!((&error["exitCode"], output.status.code()), (&json!(2), Some(2)));
    assert!(error["hints"][0].as_str().unwrap().starts_with("choose one of `local`, `prod`"), "{error}");
}

fn bake(cloud: &Cloud, version: &str) -> Vec<Value> {
    let output = cloud.veris(&["bake", "--version", version, "--output", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", crate::stand_in::talk(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["version"], version);
    events(&output)
}

/// Every line of stderr, which must be an event, and told after the one before it.
fn events(output: &Output) -> Vec<Value> {
    let told = crate::stand_in::talk(output);
    let events: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let times: Vec<jiff::Timestamp> =
        events.iter().map(|event| event["time"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted(), "{told}");
    events
}

/// The stages in the order of their beginning, each with how it ended; how long that took and what was seen meanwhile depends
/// on the machine.
fn stages(events: &[Value]) -> String {
    let started = events.iter().filter(|event| event["event"] == "stage-started");
    let told = started.map(|event| {
        let stage = event["stage"].as_str().unwrap();
        let is_end = |event: &&Value| event["stage"] == stage && event["seconds"].is_number();
        let end = events.iter().find(is_end).map_or("no end", |end| end["event"].as_str().unwrap());
        format!("{stage}: {end}")
    });
    told.collect::<Vec<_>>().join("\n")
}
