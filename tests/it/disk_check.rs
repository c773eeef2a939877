//! Whether an image's disk is clean is read from its snapshot, before anybody is told of the image.

use std::io::{Read as _, Seek as _, SeekFrom};

use serde_json::{Value, json};
use veris::aws::Clients;
use veris::environment::Environment;
use veris::printer::{Output, Printer};
use veris::snapshot_disk::SnapshotDisk;

use crate::stand_in::{Cloud, talk};

/// What is kept in the bucket of the bake with this digest.
fn outcome(cloud: &Cloud, digest: &Value) -> Value {
    let path = format!("veris-local/chat/manifests/{}/outcome.json", digest.as_str().unwrap());
    serde_json::from_slice(&fs_err::read(cloud.layout().buckets().join(path)).unwrap()).unwrap()
}

/// Nothing of a version is there, and nobody was told of it.
fn assert_taken_back(cloud: &Cloud) {
    let state = cloud.state();
    let ours = state["images"].as_object().unwrap().values().filter(|image| image["owner"] != "amazon");
    assert_eq!(ours.count(), 0, "{state:#}");
    assert_eq!((&state["snapshots"], &state["image_builder"]["images"]), (&json!({}), &json!({})));
    let told: Vec<&String> = state["parameters"].as_object().unwrap().keys().collect();
    assert!(told.iter().all(|name| !name.starts_with("/veris/")), "{told:?}");
}

#[test]
fn a_key_that_a_bake_leaves_behind_costs_it_its_image() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.mood("1.2.3", "dirty");
    let told = cloud.fails(2, &["bake"]);
    assert!(told.contains("the image's disk is not clean") && told.contains("/root/.ssh/id_ed25519"), "{told}");
    assert!(told.contains("take back what was created") && !told.contains("c3RhbmQtaW4="), "{told}");
    assert_taken_back(&cloud);

    cloud.mood("1.2.3", "");
    let baked = cloud.json(&["bake"]);
    assert_eq!(baked["stages"].as_array().unwrap().last().unwrap()["name"], "read the disk");
    let outcome = outcome(&cloud, &baked["digest"]);
    assert_eq!(outcome["disk"]["found"], "clean", "{outcome}");
    let verified = cloud.json(&["verify-image"]);
    assert_eq!(verified["good"], true, "{verified}");
    assert_eq!(verified["disk"]["fileSystem"]["kind"], "ext4", "{verified}");
}

#[test]
fn a_bake_that_nobody_waited_for_is_looked_at_before_anybody_is_told() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.mood("1.2.3", "dirty");
    cloud.json(&["bake", "--detach"]);
    let builds = || cloud.state()["image_builder"]["images"].clone();
    let is_ready = |build: &Value| build["image"]["state"]["status"] == "AVAILABLE";
    cloud.wait_until("the build has ended", || builds().as_object().unwrap().values().all(is_ready));
    let told = cloud.fails(2, &["bake"]);
    assert!(told.contains("/root/.ssh/id_ed25519"), "{told}");
    assert_taken_back(&cloud);
}

#[test]
fn whoever_skips_the_check_gets_the_image_as_it_is_and_the_record_says_so() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.mood("1.2.3", "dirty");
    let baked = cloud.json(&["bake", "--skip-disk-check"]);
    assert_eq!(outcome(&cloud, &baked["digest"])["disk"], json!({"found": "skipped"}));
    assert_eq!(cloud.json(&["verify-image", "--skip-disk"])["good"], true);
    let verified = cloud.veris(&["verify-image"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(1), "{}", talk(&verified));
    let told = String::from_utf8(verified.stdout).unwrap();
    assert!(told.contains("WRONG") && told.contains("/root/.ssh/id_ed25519"), "{told}");
}

#[test]
fn a_secret_of_whoever_bakes_is_found_in_the_image_and_shown_by_its_name_alone() {
    const SECRET: &str = "3c9d41f0a7b84e2d";
    let Some(cloud) = Cloud::up() else { return };
    cloud.project.write("config/chat.yaml", &format!("port: 8000\nregistry: {SECRET}\n"));
    cloud.commit();
    let bake = cloud.veris(&["bake"]).env("REGISTRY_TOKEN", SECRET).output().unwrap();
    let told = talk(&bake);
    assert_eq!(bake.status.code(), Some(2), "{told}");
    assert!(told.contains("REGISTRY_TOKEN") && told.contains("/etc/chat/config.yaml"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
    assert_taken_back(&cloud);
}

#[test]
fn a_snapshot_is_read_as_the_disk_that_it_is_of() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.json(&["bake"]);
    let known = cloud.state();
    let (snapshot_id, snapshot) = known["snapshots"].as_object().unwrap().iter().next().unwrap();
    let disk = cloud.layout().image_disk(snapshot["image_id"].as_str().unwrap());
    let raw = tempfile::NamedTempFile::new().unwrap();
    let mut convert = std::process::Command::new("qemu-img");
    convert.args(["convert", "-f", "qcow2", "-O", "raw"]).arg(disk).arg(raw.path());
    assert!(convert.status().unwrap().success());

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clients = Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap();
        let snapshot = SnapshotDisk::open(&clients.ebs, snapshot_id).await.unwrap();
        assert!(snapshot.held() < 20 << 20, "holes are not held: {}", snapshot.held());
        let mut stage = Printer::new(Output::Json).stage("read");
        let mut file = fs_err::File::open(raw.path()).unwrap();
        let read = snapshot.read_with(
            &mut stage,
            |_| String::new(),
            move |mut snapshot| -> std::io::Result<u64> {
                // Forward, backward, over the edges of blocks, where nothing is, and over the end.
                let size = snapshot.seek(SeekFrom::End(0))?;
                let forward = (0..34_u64).map(|step| step * 500_000);
                for start in forward.chain([9 << 20, 1 << 20, 20 << 30, size - 1000]) {
                    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                    snapshot.seek(SeekFrom::Start(start))?;
                    file.seek(SeekFrom::Start(start))?;
                    snapshot.by_ref().take(600_000).read_to_end(&mut ours)?;
                    file.by_ref().take(600_000).read_to_end(&mut theirs)?;
                    assert!(ours == theirs, "it differs from byte {start}");
                }
                Ok(size)
            },
        );
        assert_eq!(read.await.unwrap(), 30 << 30);
        stage.done("");
        let missing = SnapshotDisk::open(&clients.ebs, "snap-00000000000000000").await.unwrap_err().to_string();
        assert!(missing.contains("list the blocks of snap-00000000000000000: ResourceNotFoundException"), "{missing}");
    });
}
