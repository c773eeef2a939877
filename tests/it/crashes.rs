//! A bake that is killed, at whatever call and whatever write of its journal, is gone on with by the next one.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use serde_json::Value;

use crate::stand_in::{Cloud, talk};

/// Runs a command that is killed at the given place; false if it comes to its end before.
pub(crate) fn killed(cloud: &Cloud, place: u32, arguments: &[&str]) -> bool {
    let output = cloud.veris(arguments).env("VERIS_FAULT_AT", format!("kill@{place}")).output().unwrap();
    let is_killed = output.status.signal() == Some(9);
    assert!(is_killed || output.status.success(), "{arguments:?} at {place}: {}", talk(&output));
    is_killed
}

/// One AMI with the digest, one build, one version of each resource, and nothing that still runs.
fn assert_one_image(cloud: &Cloud, version: &str, digest: &Value) {
    cloud.wait_until(&format!("the build of {version} has ended"), || {
        builds(&cloud.state(), version).iter().all(is_final)
    });
    let state = cloud.state();
    let builds = builds(&state, version);
    assert_eq!(builds.len(), 1, "{version}: {builds:#?}");
    assert_eq!(builds[0]["state"]["status"], "AVAILABLE", "{version}: {builds:#?}");
    let images: Vec<&Value> = all(&state["images"]).filter(|image| image["tags"]["veris:version"] == version).collect();
    assert_eq!(images.len(), 1, "{version}: {images:#?}");
    assert_eq!(images[0]["tags"]["veris:digest"], *digest);
    let recipes = state["image_builder"]["recipes"].as_object().unwrap();
    assert_eq!(recipes.keys().filter(|arn| arn.ends_with(&format!("/{version}"))).count(), 1);
    let components = state["image_builder"]["components"].as_object().unwrap();
    let ours: Vec<&String> = components.keys().filter(|arn| arn.contains(&format!("/{version}/"))).collect();
    assert_eq!(ours.len(), 2, "{version}: {ours:?}");
}

fn builds(state: &Value, version: &str) -> Vec<Value> {
    let is_ours = |build: &&Value| build["image"]["version"].as_str().unwrap().starts_with(&format!("{version}/"));
    all(&state["image_builder"]["images"]).filter(is_ours).map(|build| build["image"].clone()).collect()
}

fn is_final(build: &Value) -> bool {
    ["AVAILABLE", "FAILED", "CANCELLED"].contains(&build["state"]["status"].as_str().unwrap())
}

fn all(map: &Value) -> impl Iterator<Item = &Value> {
    map.as_object().unwrap().values()
}

/// Every AMI and its snapshot belong to a version, no instance runs, and no journal is left.
fn assert_no_orphans(cloud: &Cloud, versions: usize) {
    let state = cloud.state();
    let amis = all(&state["images"]).filter(|image| image["owner"] != "amazon");
    assert_eq!(amis.count(), versions);
    assert_eq!(all(&state["snapshots"]).count(), versions);
    let states: BTreeSet<&str> = all(&state["instances"]).map(|instance| instance["state"].as_str().unwrap()).collect();
    assert_eq!(states, BTreeSet::from(["terminated"]));
    let journals = fs_err::read_dir(cloud.layout().directory.join("bakes")).unwrap();
    assert_eq!(journals.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), [""; 0]);
}

/// From the first call to the one that has Image Builder begin.
#[test]
fn a_bake_that_is_killed_before_its_build_begins_is_gone_on_with() {
    let Some(cloud) = Cloud::up() else { return };
    let mut digests = Vec::new();
    loop {
        let place = u32::try_from(digests.len()).unwrap() + 1;
        let version = format!("1.0.{place}");
        if !killed(&cloud, place, &["bake", "--detach", "--version", &version]) {
            break;
        }
        let begun = cloud.json(&["bake", "--detach", "--version", &version]);
        digests.push((version, begun["digest"].clone()));
    }
    assert!(digests.len() > 40, "only {} places were passed", digests.len());
    for (version, digest) in &digests {
        assert_one_image(&cloud, version, digest);
        assert_eq!(cloud.json(&["bake", "--version", version])["created"], false);
    }
    // The run that nobody killed.
    cloud.json(&["bake", "--version", &format!("1.0.{}", digests.len() + 1)]);
    assert_no_orphans(&cloud, digests.len() + 1);
}

/// From there to the end. How often Image Builder is asked depends on how long its builds take.
#[test]
fn a_bake_that_is_killed_while_it_is_built_is_gone_on_with() {
    let Some(cloud) = Cloud::up() else { return };
    let mut place = 0;
    loop {
        place += 1;
        let version = format!("1.0.{place}");
        let begun = cloud.json(&["bake", "--detach", "--version", &version]);
        let was_killed = killed(&cloud, place, &["bake", "--resume", "--version", &version]);
        // The sources may be different by now: what was begun is what is resumed.
        let baked = cloud.json(&["bake", "--version", &version]);
        assert_eq!(baked["digest"], begun["digest"]);
        assert_one_image(&cloud, &version, &begun["digest"]);
        if !was_killed {
            break;
        }
    }
    assert!(place > 5, "only {place} places were passed");
    assert_no_orphans(&cloud, usize::try_from(place).unwrap());
}

#[test]
fn a_detached_bake_is_followed_whatever_the_sources_are_by_then() {
    let Some(cloud) = Cloud::up() else { return };
    fs_err::write(cloud.hold(), "").unwrap();
    let begun = cloud.json(&["bake", "--detach"]);
    cloud.project.write("config/chat.yaml", "port: 8001\n");
    let refused = cloud.fails(2, &["bake"]);
    assert!(refused.contains("is being baked from other inputs"), "{refused}");
    fs_err::remove_file(cloud.hold()).unwrap();
    let baked = cloud.json(&["bake", "--resume"]);
    assert_eq!(baked["digest"], begun["digest"]);
    assert_one_image(&cloud, "1.2.3", &begun["digest"]);
    assert!(cloud.fails(2, &["bake", "--resume"]).contains("no bake of version 1.2.3 was left under way"));
    assert_no_orphans(&cloud, 1);
}

#[test]
fn two_bakes_of_one_version_make_one_image() {
    let Some(cloud) = Cloud::up() else { return };
    fs_err::write(cloud.hold(), "").unwrap();
    let runs = [0; 2].map(|_| {
        let mut bake = cloud.veris(&["bake", "--output", "json"]);
        bake.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    cloud.wait_until("a build has begun", || !builds(&cloud.state(), "1.2.3").is_empty());
    fs_err::remove_file(cloud.hold()).unwrap();
    let ended = runs.map(|run| run.wait_with_output().unwrap());
    let baked = ended.each_ref().map(|output| -> Value {
        assert!(output.status.success(), "{}", talk(output));
        serde_json::from_slice(&output.stdout).unwrap()
    });
    assert_eq!(baked[0]["imageId"], baked[1]["imageId"]);
    assert_ne!(baked[0]["created"], baked[1]["created"], "{}{}", talk(&ended[0]), talk(&ended[1]));
    assert_one_image(&cloud, "1.2.3", &baked[0]["digest"]);
}

#[test]
fn what_a_killed_bake_of_other_inputs_has_left_is_removed() {
    let Some(cloud) = Cloud::up() else { return };
    let base = "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/chat-10-base/1.2.3/1";
    let is_there = || cloud.state()["image_builder"]["components"].get(base).is_some();
    let mut place = 1;
    while !is_there() {
        assert!(killed(&cloud, place, &["bake", "--detach"]), "the build began before it could be prevented");
        place += 1;
    }
    let recipe = crate::support::RECIPE.replace("  - components/10-base.yaml\n", "");
    cloud.project.write("recipes/chat.yaml", &recipe);
    cloud.json(&["bake"]);
    assert!(!is_there(), "a component that no recipe names any more is left");
    assert_no_orphans(&cloud, 1);
}
