//! What killed bakes have left is found and removed; what an image or a bake needs is not.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stand_in::{Cloud, talk};

/// Everything that Image Builder and the bucket have.
fn everything(cloud: &Cloud) -> Vec<String> {
    let state = cloud.state();
    let kinds = ["components", "recipes", "images", "distributions"];
    let of_kind = |kind: &str| state["image_builder"][kind].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut names: Vec<String> = kinds.into_iter().flat_map(of_kind).collect();
    names.extend(state["parameters"].as_object().unwrap().keys().cloned());
    names.extend(files(&cloud.layout().buckets()).iter().map(|path| path.display().to_string()));
    names.sort();
    names
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let hidden = |path: &Path| path.file_name().unwrap().to_string_lossy().starts_with('.');
    let entries = entries.filter(|path| !hidden(path));
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|thing| thing["name"].as_str().unwrap()).collect()
}

/// The instances that are not terminated.
fn running(cloud: &Cloud) -> Vec<String> {
    let instances = cloud.state()["instances"].as_object().unwrap().clone();
    instances.into_iter().filter(|(_, it)| it["state"] == "running").map(|(id, _)| id).collect()
}

#[test]
fn a_failed_bake_keeps_its_instance_where_it_is_asked_to() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.mood("1.2.3", "broken");
    let told = cloud.fails(2, &["bake"]);
    assert!(!told.contains("was kept") && running(&cloud).is_empty(), "{told}");

    let told = cloud.fails(2, &["bake", "--keep-on-failure"]);
    let ids = running(&cloud);
    let [id] = ids.as_slice() else { panic!("{ids:?} run") };
    assert!(told.contains(&format!("{id} (t3.medium, running) was kept")), "{told}");
    assert!(told.contains("it is broken") && told.contains(&format!("veris terminate {id}\n")), "{told}");
    assert_eq!(cloud.json(&["console", id])["lines"], json!(["reboot: Power down"]));
    // A bake that goes well says that it is still there, and leaves it alone.
    cloud.mood("1.2.3", "");
    let baked = cloud.veris(&["bake", "--output", "json"]).output().unwrap();
    let told = talk(&baked);
    assert!(baked.status.success() && told.contains(&format!("{id} of a failed bake of 1.2.3 was kept")), "{told}");
    assert_eq!(running(&cloud), [id.as_str()]);
    // The digest is the same with the flag.
    assert_eq!(cloud.json(&["bake", "--keep-on-failure"])["created"], false);

    let planned = cloud.json(&["gc", "--dry-run"]);
    assert_eq!((names(&planned["removed"]), names(&planned["kept"])), (vec![], vec![id.as_str()]));
    let planned = cloud.json(&["gc", "--older-than", "0", "--dry-run"]);
    assert_eq!(names(&planned["removed"]), [id.as_str()]);
    assert_eq!(cloud.json(&["terminate", id])["terminated"], json!([{"instanceId": id, "version": "1.2.3"}]));
    assert_eq!(running(&cloud), [""; 0]);
}

#[test]
fn what_a_killed_bake_has_left_on_a_machine_that_is_gone_is_removed_and_nothing_else() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.json(&["bake", "--version", "1.0.0"]);
    let needed = everything(&cloud);
    let all = ["gc", "--older-than", "0"];
    assert_eq!(cloud.json(&all), json!({"dryRun": false, "removed": [], "kept": [], "closed": []}));
    assert_eq!(everything(&cloud), needed);

    let mut left = 0;
    for place in 1.. {
        // Another binary and another configuration, so that there are artifacts that nothing else needs.
        cloud.project.write("config/chat.yaml", &format!("port: {}\n", 8_000 + place));
        let version = format!("2.0.{place}");
        let bake = ["bake", "--version", &version];
        let killed = cloud.veris(&bake).env("VERIS_FAULT_AT", format!("kill@{place}")).output().unwrap();
        if killed.status.success() {
            assert!(place > 10 && left > 30, "{place} places were passed, and {left} things left");
            return;
        }
        assert_eq!(killed.status.signal(), Some(9), "{}", talk(&killed));
        cloud.wait_until("nothing is being baked", || {
            let state = cloud.state();
            let images = state["image_builder"]["images"].as_object().unwrap();
            let status = |build: &Value| build["image"]["state"]["status"].as_str().unwrap().to_owned();
            images.values().all(|build| ["AVAILABLE", "FAILED", "CANCELLED"].contains(&status(build).as_str()))
        });
        // On this machine the bake can be gone on with.
        let waits = cloud.json(&all);
        assert_eq!(waits["removed"], json!([]));
        let journals = cloud.layout().directory.join("bakes");
        let _ = fs_err::remove_dir_all(journals);

        let state = cloud.state();
        let tagged = state["images"].as_object().unwrap().values();
        if tagged.clone().any(|image| image["tags"]["veris:version"] == version.as_str()) {
            // The build went on by itself, to its end.
            cloud.json(&["prune", "--keep", "1", "--dry-run"]);
            assert_eq!(cloud.json(&all)["removed"], json!([]));
            return;
        }
        let (young, planned) =
            (cloud.json(&["gc", "--dry-run"]), cloud.json(&["gc", "--older-than", "0", "--dry-run"]));
        assert_eq!(young["removed"], json!([]), "everything is too new");
        left += planned["removed"].as_array().unwrap().len();
        let removed = cloud.json(&all);
        assert_eq!(names(&removed["removed"]), names(&planned["removed"]));
        assert_eq!(everything(&cloud), needed, "killed at {place}");
    }
}
