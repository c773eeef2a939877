//! What an operator does with an instance between two launches.

use serde_json::{Value, json};
use veris::aws::Clients;
use veris::environment::Environment;

use crate::command::Sandbox;
use crate::stand_in::{Cloud, talk};

/// The data of a command that finds something wrong.
fn told(cloud: &Cloud, arguments: &[&str]) -> String {
    let output = cloud.veris(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_live_instance_is_stopped_started_and_restarted_and_stays_behind_the_address() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let settings = cloud.project.write("one.env", "API_KEY=s3cret\nPLAIN=1\n").display().to_string();
    let launched = cloud.json(&["launch", "--env-file", &settings, "--soak", "0"]);
    let id = launched["instanceId"].as_str().unwrap();

    let stopped = cloud.json(&["stop"]);
    assert_eq!((&stopped["instanceId"], &stopped["state"]), (&json!(id), &json!("stopped")));
    assert_eq!(cloud.state()["instances"][id]["state"], "stopped");
    let console = cloud.json(&["console", id, "--lines", "1"]);
    assert_eq!(console["lines"], json!(["reboot: Power down"]));
    let told = told(&cloud, &["status"]);
    assert!(told.contains("chat 1.0.0 is live"), "{told}");
    // What is stopped already is no error.
    cloud.json(&["stop", id]);

    let started = cloud.json(&["start"]);
    assert_eq!((&started["state"], &started["live"]), (&json!("running"), &json!(true)));
    assert_eq!(cloud.json(&["status"])["healthy"], true);
    cloud.json(&["restart", "1.0.0"]);
    assert_eq!(cloud.json(&["status"])["live"]["instanceId"], id);
    assert!(cloud.fails(2, &["stop", "2.0.0"]).contains(id), "who is meant is named");
}

#[test]
fn the_live_instance_becomes_another_type_or_stays_what_it_was() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let settings = cloud.project.write("one.env", "PLAIN=1\n").display().to_string();
    let launched = cloud.json(&["launch", "--env-file", &settings, "--soak", "0"]);
    let id = launched["instanceId"].as_str().unwrap();
    let now = || {
        let instance = cloud.state()["instances"][id].clone();
        (instance["instance_type"].clone(), instance["state"].clone())
    };
    let serves_as = |kind: &str| {
        assert_eq!(now(), (json!(kind), json!("running")));
        assert_eq!((&cloud.json(&["status"])["live"]["instanceId"], &json!(id)), (&json!(id), &json!(id)));
    };

    let planned = cloud.json(&["resize", "t3.nano", "--dry-run"]);
    assert_eq!((&planned["interrupts"], planned["steps"].as_array().unwrap().len()), (&json!(true), 3));
    assert!(cloud.fails(2, &["resize", "nano"]).contains("is no instance type here"));
    serves_as("t3.medium");

    let resized = cloud.json(&["resize", "t3.nano"]);
    assert_eq!((&resized["from"]["name"], &resized["to"]["name"]), (&json!("t3.medium"), &json!("t3.nano")));
    assert_eq!((&resized["changed"], &resized["live"]), (&json!(true), &json!(true)));
    serves_as("t3.nano");
    let pid = fs_err::read_to_string(cloud.layout().instance(id).join("qemu.pid")).unwrap();
    let machine = fs_err::read_to_string(format!("/proc/{}/cmdline", pid.trim())).unwrap();
    assert!(machine.contains("-m\x00512\x00"), "{machine}");
    assert_eq!(cloud.json(&["resize", "t3.nano"])["changed"], false);

    fs_err::write(cloud.layout().capacity(), r#"{"t3.large": 0}"#).unwrap();
    let told = cloud.fails(3, &["resize", "t3.large"]);
    assert!(
        told.contains("InsufficientInstanceCapacity") && told.contains("is a t3.nano and serves as before"),
        "{told}"
    );
    serves_as("t3.nano");

    cloud.mood("1.0.0", "sick as t3.micro");
    let told = cloud.fails(1, &["resize", "t3.micro", "--timeout", "1"]);
    assert!(told.contains("answered 500") && told.contains("is a t3.nano and serves as before"), "{told}");
    serves_as("t3.nano");
}

#[test]
fn a_resize_that_is_killed_is_finished_by_the_next_one() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let settings = cloud.project.write("one.env", "PLAIN=1\n").display().to_string();
    cloud.json(&["launch", "--env-file", &settings, "--soak", "0"]);
    let mut place = 0;
    loop {
        place += 1;
        let wanted = if place % 2 == 0 { "t3.medium" } else { "t3.small" };
        let is_killed = crate::crashes::killed(&cloud, place, &["resize", wanted]);
        assert_eq!(cloud.json(&["resize", wanted])["to"]["name"], wanted);
        let live = &cloud.json(&["status"])["live"];
        assert_eq!((&live["instanceType"], &live["state"]), (&json!(wanted), &json!("running")), "killed at {place}");
        if !is_killed {
            break;
        }
    }
    assert!(place > 8, "only {place} places were passed");
}

#[test]
fn what_was_changed_since_the_launch_is_told_with_its_cure() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    cloud.json(&["launch", "1.0.0", "--soak", "0"]);
    cloud.json(&["resize", "t3.large"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clients = Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap();
        let live = cloud.json(&["status"])["live"]["instanceId"].as_str().unwrap().to_owned();
        let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("mine").build();
        clients.ec2.create_tags().resources(live).tags(tag).send().await.unwrap();
    });
    cloud.project.write(".env", "API_KEY=s3cret\n");
    let output = cloud.veris(&["status"]).output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    let drift: Vec<&str> = told.lines().filter(|line| line.contains("drift")).collect();
    insta::assert_snapshot!(drift.join("\n"), @"
      drift     instance type: the recipe says t3.medium (or t3a.medium where there is no machine of it), the instance has t3.large; `veris resize t3.medium`
      drift     version: the recipe says 1.1.0 (digest 000000000000), the instance has 1.0.0 (digest 000000000000); `veris launch 1.1.0`
      drift     tags: the recipe says Name=chat 1.0.0, the instance has Name=mine; `veris launch`
      drift     settings: the recipe says the project's .env, the instance has others: API_KEY; `veris launch`
    ");
}

#[test]
fn settings_are_compared_by_name_and_no_value_is_shown() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let file = |name: &str, text: &str| cloud.project.write(name, text).display().to_string();
    let live = file("live.env", "API_KEY=s3cret\nGONE=s3cret\nSAME=1\n");
    assert!(cloud.fails(2, &["env", "diff", "--env-file", &live]).contains("nothing of chat is live"));
    cloud.json(&["launch", "--env-file", &live, "--soak", "0"]);
    assert_eq!(cloud.json(&["env", "diff", "--env-file", &live])["changes"], json!([]));

    let next = file("next.env", "API_KEY=other-s3cret\nNEW=s3cret\nSAME=1\n");
    let told = told(&cloud, &["env", "diff", "--env-file", &next]);
    assert!(!told.contains("s3cret"), "{told}");
    let changes: Vec<&str> = told.lines().skip(1).map(str::trim).collect();
    assert_eq!(changes, ["change API_KEY", "remove GONE", "add    NEW"]);
}

#[test]
fn a_setting_that_names_a_parameter_that_is_not_there_is_refused_before_anything_is_launched() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let name = "/veris/chat/local/secrets/key";
    let settings = cloud.project.write("named.env", &format!("API_KEY=ssm:{name}\n")).display().to_string();
    let told = cloud.fails(2, &["launch", "--env-file", &settings]);
    assert!(
        told.contains("`API_KEY` names the parameter `/veris/chat/local/secrets/key`, which is not there"),
        "{told}"
    );
    assert_eq!(cloud.state()["instances"], json!({}));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clients = Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap();
        let put = clients.ssm.put_parameter().name(name).value("s3cret").r#type("SecureString".into());
        put.send().await.unwrap();
    });
    cloud.json(&["launch", "--env-file", &settings, "--soak", "0"]);
}

#[test]
fn a_setting_that_names_a_secret_that_is_not_there_or_on_its_way_out_is_refused_before_anything_is_launched() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let settings = cloud.project.write("named.env", "API_KEY=secretsmanager:veris/prod#key\n").display().to_string();
    let launch = ["launch", "--env-file", &settings, "--soak", "0"];
    let told = cloud.fails(2, &launch);
    assert!(told.contains("`API_KEY` names the secret `veris/prod`, which is not there in ap-southeast-2"), "{told}");

    let ask = |operation: &str, body: Value| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            let clients = Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap();
            clients.signed.secrets(operation, &body).await.unwrap()
        });
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    ask("CreateSecret", json!({"Name": "veris/prod", "SecretString": "{\"key\": \"s3cret\"}"}));
    ask("DeleteSecret", json!({"SecretId": "veris/prod"}));
    let told = cloud.fails(2, &launch);
    assert!(told.contains("which is marked for deletion") && !told.contains("s3cret"), "{told}");
    assert_eq!(cloud.state()["instances"], json!({}));

    ask("RestoreSecret", json!({"SecretId": "veris/prod"}));
    cloud.json(&launch);
    let log = cloud.log();
    assert!(log.contains("DescribeSecret") && !log.contains("s3cret"), "{log}");
}

#[test]
fn shells_complete_commands_and_every_command_has_a_manual_page() {
    let sandbox = Sandbox::new();
    let completions = sandbox.veris("completions bash").output().unwrap();
    let script = String::from_utf8(completions.stdout).unwrap();
    assert!(script.contains("--no-promote") && script.contains("veris__subcmd__rollback"), "{script}");

    let directory = tempfile::tempdir().unwrap();
    let pages = sandbox.veris(&format!("man {}", directory.path().display())).output().unwrap();
    assert!(pages.status.success(), "{}", sandbox.shown(&pages));
    let page = fs_err::read_to_string(directory.path().join("veris-launch.1")).unwrap();
    assert!(page.contains("EXAMPLE") || page.contains("Example"), "{page}");
}
