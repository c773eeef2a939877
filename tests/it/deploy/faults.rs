//! A deployment that is killed, at whatever call, is finished or taken back by the next command; clients are served all the while.
//!
//! Not every place is tried each time: `VERIS_EVERY_FAULT=1` does so, and takes several minutes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::operator::Operator;
use crate::crashes::killed;
use crate::stand_in::{Cloud, talk};

/// Places between two kills.
fn stride() -> usize {
    if std::env::var_os("VERIS_EVERY_FAULT").is_some() { 1 } else { 7 }
}

/// One address, and whoever is behind it runs: at every moment once something was launched.
pub(super) fn assert_served(cloud: &Cloud, when: &str) -> String {
    let holder = Operator::holder(cloud);
    assert_eq!(Operator::state_of(cloud, &holder), "running", "{when}: behind the address is `{holder}`");
    holder
}

/// The version serves, nothing is under way, and nothing runs that nobody asked for.
fn assert_settled(cloud: &Cloud, version: &str, running: usize, when: &str) {
    assert_served(cloud, when);
    let status = cloud.json(&["status"]);
    assert_eq!((&status["live"]["version"], &status["healthy"]), (&json!(version), &json!(true)), "{when}: {status}");
    let endings = Operator::deployments(cloud);
    assert!(endings.iter().all(Option::is_some), "{when}: {endings:?}");
    assert_eq!(Operator::running(cloud).len(), running, "{when}");
    let holder = Operator::holder(cloud);
    let state = cloud.state();
    let published = &state["parameters"]["/veris/chat/local/live"]["versions"];
    let published = published.as_array().and_then(|versions| versions.last()).map(|version| &version["value"]);
    assert_eq!(published, Some(&state["instances"][&holder]["image_id"]), "{when}");
}

/// Kills `command` at one place after the other until it comes to its end, and repeats it.
fn kill_everywhere(
    cloud: &Cloud,
    name: &str,
    first: u32,
    mut command: impl FnMut() -> (Vec<String>, String),
    running: usize,
) {
    let began = Instant::now();
    let mut runs = 0;
    for place in (first..).step_by(stride()) {
        let (once, version) = command();
        let when = format!("{name}, killed at {place}");
        let once: Vec<&str> = once.iter().map(String::as_str).collect();
        let was_killed = killed(cloud, place, &once);
        assert_served(cloud, &when);
        repeat(cloud, &once, "is live already");
        assert_settled(cloud, &version, running, &when);
        runs += 1;
        if !was_killed {
            break;
        }
    }
    assert!(runs > 3, "{name}: only {runs} places were passed");
    report(name, runs, began.elapsed());
}

/// The same command again. Where being taken over has finished it already, it has nothing left to do.
fn repeat(cloud: &Cloud, command: &[&str], already: &str) {
    let again = cloud.veris(command).output().unwrap();
    assert!(again.status.success() || talk(&again).contains(already), "{command:?}: {}", talk(&again));
}

#[expect(clippy::print_stdout, reason = "the table is what the loop is for")]
pub(super) fn report(name: &str, runs: usize, took: Duration) {
    println!("{name:34} {runs:4} runs, 0 violations, {:.0} s", took.as_secs_f64());
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

#[test]
fn a_launch_that_is_killed_is_finished_or_taken_back() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let env = tempfile::NamedTempFile::new().unwrap();
    let launch =
        |version: &str| words(&format!("launch {version} --soak 0 --keep none --env-file {}", env.path().display()));
    let first = launch("1.0.0");
    cloud.json(&first.iter().map(String::as_str).collect::<Vec<_>>());
    let mut live = "1.0.0";
    kill_everywhere(
        &cloud,
        "launch",
        1,
        || {
            live = if live == "1.0.0" { "1.1.0" } else { "1.0.0" };
            (launch(live), live.to_owned())
        },
        1,
    );
}

#[test]
fn a_roll_back_that_is_killed_is_finished_or_taken_back() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let env = tempfile::NamedTempFile::new().unwrap();
    for version in ["1.0.0", "1.1.0"] {
        let env = env.path().to_str().unwrap();
        cloud.json(&["launch", version, "--soak", "0", "--keep", "running", "--env-file", env]);
    }
    let mut live = "1.1.0";
    kill_everywhere(
        &cloud,
        "rollback",
        1,
        || {
            live = if live == "1.0.0" { "1.1.0" } else { "1.0.0" };
            (words(&format!("rollback {live}")), live.to_owned())
        },
        2,
    );
}

#[test]
fn a_promotion_that_is_killed_is_finished_or_taken_back() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let env = tempfile::NamedTempFile::new().unwrap();
    let env = env.path().to_str().unwrap().to_owned();
    cloud.json(&["launch", "1.0.0", "--soak", "0", "--env-file", &env]);
    let began = Instant::now();
    let mut runs = 0;
    let mut live = "1.0.0";
    for place in (2..).step_by(stride()) {
        live = if live == "1.0.0" { "1.1.0" } else { "1.0.0" };
        let launched: Value =
            cloud.json(&["launch", live, "--no-promote", "--soak", "0", "--no-chat", "--env-file", &env]);
        let id = launched["instanceId"].as_str().unwrap();
        let promote = ["promote", id, "--soak", "0", "--keep", "none", "--no-chat"];
        let was_killed = killed(&cloud, place, &promote);
        let when = format!("promote, killed at {place}");
        assert_served(&cloud, &when);
        repeat(&cloud, &promote, "waits in environment");
        assert_settled(&cloud, live, 1, &when);
        runs += 1;
        if !was_killed {
            break;
        }
    }
    report("promote", runs, began.elapsed());
}
