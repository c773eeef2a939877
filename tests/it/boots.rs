//! The main job on real guests, as an operator does it: bake, launch, chat, bake again, launch, roll back.
//!
//! Where QEMU cannot run, the story is skipped and says why; with `VERIS_REQUIRE_GUESTS=1` such a skip is a failure.

#![expect(
    clippy::print_stderr,
    reason = "whoever reads the test's output learns what took how long, and what was skipped"
)]

mod chat;
mod cloud;
mod documents;
mod log_in;
mod processes;
mod recipe;
mod references;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::chat::Chat;
use self::cloud::Cloud;
use self::recipe::Recipe;

#[test]
fn a_version_is_baked_launched_replaced_and_rolled_back() {
    let Some(cloud) = Cloud::up() else { return };
    bake_once(&cloud);
    let url = launch_first(&cloud);
    talk(&url);
    verify(&cloud);
    log_in::shows_the_instance_and_its_journal(&cloud);
    replace_by_second(&cloud, &url);
    documents::are_read_in_the_unit_and_cited(&cloud, &url);
    the_stock_aws_cli_sees_it(&cloud);
    a_failing_step_fails_the_bake_and_leaves_nothing(&cloud, &url);
    a_server_that_does_not_start_is_not_promoted(&cloud, &url);
    roll_back(&cloud, &url);
    the_control_plane_is_killed(&cloud, &url);
    a_stopped_version_returns_with_its_settings(&cloud, &url);
    a_guest_is_killed(&cloud);
    cloud.down_leaves_nothing();
}

fn bake_once(cloud: &Cloud) {
    let baked = cloud.json(&["bake", "--version", "1.0.0"]);
    assert_eq!(baked["created"], json!(true), "{baked}");

    let before = cloud.state();
    let again = cloud.json(&["bake", "--version", "1.0.0"]);
    assert_eq!(again["created"], json!(false), "{again}");
    assert_eq!(again["imageId"], baked["imageId"]);
    assert_eq!(cloud.state(), before, "baking unchanged inputs changed the cloud");

    let other = Recipe::with("config/veris-chat.yaml", "tests/fixtures/other-config.yaml");
    let refused = cloud.fails(2, &["bake", "--version", "1.0.0", "--recipe", other.path()]);
    assert!(refused.contains("1.0.0") && refused.contains("--version"), "{refused}");
}

fn launch_first(cloud: &Cloud) -> String {
    let unknown = cloud.fails(2, &["launch", "9.9.9"]);
    assert!(unknown.contains("9.9.9") && unknown.contains("1.0.0"), "{unknown}");

    let settings = format!("QDRANT_URL=\n{}", references::keep(cloud));
    let launched = cloud.json(&["launch", "1.0.0", "--env-file", &cloud.env_file(&settings)]);
    references::are_named_only(cloud, launched["instanceId"].as_str().unwrap());
    let url = launched["url"].as_str().unwrap().to_owned();
    assert_eq!(chat::get(&format!("{url}/health")), r#"{"status":"healthy"}"#);
    assert_eq!(chat::version(&url), "1.0.0");
    url
}

fn talk(url: &str) {
    let mut chat = Chat::new(url, "433375739::test1");
    let first = chat.say("My cat is called Ada.");
    assert!(first.contains("Ada"), "{first}");
    let second = chat.say("What did I tell you before?");
    assert!(second.contains("My cat is called Ada."), "the model did not see the earlier turn: {second}");
}

fn verify(cloud: &Cloud) {
    let report = cloud.json(&["verify"]);
    assert_eq!(report["passed"], json!(true), "{report}");
    let names: Vec<&str> = report["checks"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["health", "version", "bedrock", "sync", "streaming", "async", "concurrent"]);
}

fn replace_by_second(cloud: &Cloud, url: &str) {
    let documents = Recipe::with("config/veris-chat.yaml", "tests/fixtures/documents-config.yaml");
    cloud.json(&["bake", "--version", "1.1.0", "--recipe", documents.path()]);
    cloud.slow_metadata(Some(40));
    let settings = cloud.env_file("QDRANT_URL=\nMODEL_ID=us.anthropic.claude-sonnet-4-5-20250929-v1:0\n");
    // It stays as it is, so that the way back takes a second.
    let launched = cloud.json(&["launch", "--keep", "running", "--env-file", &settings]);
    cloud.slow_metadata(None);
    let models = chat::get(&format!("{url}/v1/models"));
    assert!(models.contains("claude-sonnet-4-5"), "it serves without its settings, which came late: {models}");
    assert_eq!(launched["url"], json!(url), "the address changed");
    assert_eq!(launched["version"], "1.1.0");
    assert_eq!(chat::version(url), "1.1.0");

    let status = cloud.json(&["status"]);
    assert_eq!(status["healthy"], json!(true), "{status}");
    assert_eq!(status["live"]["version"], "1.1.0");
    assert_eq!(status["kept"][0]["version"], "1.0.0");
    let images = cloud.json(&["images"]);
    assert_eq!(images.as_array().map(Vec::len), Some(2), "{images}");
}

fn the_stock_aws_cli_sees_it(cloud: &Cloud) {
    let Some(images) = cloud.aws(&["ec2", "describe-images", "--owners", "self"]) else { return };
    let names: Vec<&str> =
        images["Images"].as_array().unwrap().iter().filter_map(|image| image["Name"].as_str()).collect();
    assert!(names.iter().all(|name| name.starts_with("veris-chat-1.")) && names.len() == 2, "{names:?}");

    let running = ["ec2", "describe-instances", "--filters", "Name=instance-state-name,Values=running"];
    let instances = cloud.aws(&running).unwrap();
    assert_eq!(instances["Reservations"].as_array().map(Vec::len), Some(2), "{instances}");

    let addresses = cloud.aws(&["ec2", "describe-addresses"]).unwrap();
    let live = cloud.json(&["status"])["live"]["instanceId"].clone();
    assert_eq!(addresses["Addresses"][0]["InstanceId"], live, "{addresses}");
}

fn a_failing_step_fails_the_bake_and_leaves_nothing(cloud: &Cloud, url: &str) {
    let broken = Recipe::with("components/10-base.yaml", "tests/fixtures/failing.yaml");
    let before = cloud.image_builder_names();
    let error = cloud.fails(2, &["bake", "--version", "1.2.0", "--recipe", broken.path()]);
    assert!(error.contains("phase build, step Restart"), "the running step was not shown: {error}");
    assert!(error.contains("made of cheese, as seen on 3 boots"), "the step's own output is missing: {error}");
    assert_eq!(cloud.image_builder_names(), before, "the failed bake left something behind");
    assert_eq!(cloud.json(&["images"]).as_array().map(Vec::len), Some(2));
    assert_eq!(chat::version(url), "1.1.0");
}

fn a_server_that_does_not_start_is_not_promoted(cloud: &Cloud, url: &str) {
    let before = cloud.running_guests();
    let settings = cloud.env_file("PORT=none\n");
    let error = cloud.fails(1, &["launch", "1.0.0", "--timeout", "20", "--env-file", &settings]);
    assert!(error.contains("hint:"), "{error}");
    assert_eq!(cloud.running_guests(), before, "the failed launch left a guest");
    assert_eq!(chat::version(url), "1.1.0");
}

fn roll_back(cloud: &Cloud, url: &str) {
    let back = cloud.json(&["rollback"]);
    assert_eq!(back["to"]["version"], "1.0.0", "{back}");
    assert_eq!(back["from"]["version"], "1.1.0", "{back}");
    assert_eq!(chat::version(url), "1.0.0");
}

fn the_control_plane_is_killed(cloud: &Cloud, url: &str) {
    cloud.kill_control_plane();
    assert_eq!(chat::version(url), "1.0.0", "guests must outlive the control plane");
    let error = cloud.fails(3, &["status"]);
    assert!(error.contains("veris local up"), "{error}");
    cloud.json(&["local", "up"]);
    let forward = cloud.json(&["rollback", "1.1.0"]);
    assert_eq!(forward["to"]["version"], "1.1.0");
    assert_eq!(chat::version(url), "1.1.0");
}

fn a_stopped_version_returns_with_its_settings(cloud: &Cloud, url: &str) {
    let kept = cloud.json(&["status"])["kept"][0]["instanceId"].as_str().unwrap().to_owned();
    if cloud.aws(&["ec2", "stop-instances", "--instance-ids", &kept]).is_none() {
        return;
    }
    cloud.wait_for_state(&kept, "stopped");
    let back = cloud.json(&["rollback", "1.0.0"]);
    assert_eq!(back["to"]["instanceId"], json!(kept));
    // The endpoint of the model is in `.env` alone: an answer proves that the file survived.
    let answer = Chat::new(url, "after the stop").say("Are you still there?");
    assert!(answer.contains("Are you still there?"), "{answer}");
}

fn a_guest_is_killed(cloud: &Cloud) {
    let kept = cloud.json(&["status"])["kept"][0]["instanceId"].as_str().unwrap().to_owned();
    cloud.kill_guest(&kept);
    let begin = Instant::now();
    while guest(cloud, &kept)["state"] != "stopped" {
        assert!(begin.elapsed() < Duration::from_mins(1), "the cloud did not notice that the guest died");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn guest(cloud: &Cloud, instance_id: &str) -> Value {
    let status = cloud.json(&["local", "status"]);
    let guests = status["guests"].as_array().unwrap();
    guests.iter().find(|guest| guest["instanceId"] == instance_id).unwrap().clone()
}
