//! Old images go, and with them all that they were made of; what somebody needs stays.

use serde_json::{Value, json};
use veris::aws::Clients;
use veris::environment::Environment;

use crate::stand_in::{Cloud, talk};

/// Names of everything that Image Builder and S3 have of a version.
fn of_version(cloud: &Cloud, version: &str, digest: &str) -> Vec<String> {
    let state = cloud.state();
    let image_builder = &state["image_builder"];
    let mut names = Vec::new();
    for kind in ["components", "recipes", "images"] {
        names.extend(image_builder[kind].as_object().unwrap().keys().filter(|arn| arn.contains(version)).cloned());
    }
    names.extend(state["parameters"].as_object().unwrap().keys().filter(|name| name.ends_with(version)).cloned());
    let dashed = version.replace('.', "-");
    names.extend(
        image_builder["distributions"].as_object().unwrap().keys().filter(|arn| arn.ends_with(&dashed)).cloned(),
    );
    for bucket in fs_err::read_dir(cloud.layout().buckets()).unwrap() {
        let manifests = bucket.unwrap().path().join("chat/manifests").join(digest);
        let files = fs_err::read_dir(manifests).into_iter().flatten().map(|file| file.unwrap().path());
        names.extend(files.map(|file| file.display().to_string()));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_go_and_what_somebody_uses_stays() {
    let Some(cloud) = Cloud::up() else { return };
    let baked: Vec<Value> =
        ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map(|version| cloud.json(&["bake", "--version", version])).into();
    let image = |index: usize| baked[index]["imageId"].as_str().unwrap();
    let digest = |index: usize| baked[index]["digest"].as_str().unwrap();
    let clients = Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap();
    let parameter = clients.ssm.put_parameter().name("/ours").value(image(1)).data_type("aws:ec2:image");
    parameter.r#type("String".into()).send().await.unwrap();

    let before = cloud.state();
    let planned = cloud.json(&["prune", "--keep", "1", "--dry-run"]);
    assert_eq!(cloud.state(), before, "a dry run changed something");
    assert_eq!(
        planned["removed"][0],
        json!({"version": "1.2.0", "imageId": image(2), "digest": digest(2), "gib": 30, "monthlyUsd": 1.5})
    );
    assert_eq!(planned["removed"][1]["version"], "1.0.0");
    assert_eq!(planned["kept"][0]["reasons"], json!(["one of the 1 newest"]));
    assert_eq!(planned["kept"][1]["version"], "1.1.0");
    assert_eq!(
        planned["kept"][1]["reasons"],
        json!(["used by arn:aws:ssm:ap-southeast-2:000000000000:parameter/ours"])
    );

    assert!(of_version(&cloud, "1.0.0", digest(0)).len() > 6, "the test looks at the wrong names");
    cloud.json(&["prune", "--keep", "1"]);
    assert_eq!(of_version(&cloud, "1.0.0", digest(0)), [""; 0]);
    assert_eq!(of_version(&cloud, "1.2.0", digest(2)), [""; 0]);
    let state = cloud.state();
    let left =
        state["images"].as_object().unwrap().keys().filter(|id| baked.iter().any(|baked| baked["imageId"] == **id));
    assert_eq!(left.count(), 2);
    assert_eq!(state["snapshots"].as_object().unwrap().len(), 2);
    // What stays can still be explained, and baked again without a change.
    cloud.json(&["show", "1.1.0"]);
    assert_eq!(cloud.json(&["bake", "--version", "1.3.0"])["created"], false);
    assert_eq!(cloud.json(&["prune", "--keep", "1"])["removed"], json!([]));
}

#[test]
fn a_removal_that_is_killed_is_gone_on_with() {
    let Some(cloud) = Cloud::up() else { return };
    let newest = cloud.json(&["bake", "--version", "9.0.0"]);
    for place in 1.. {
        let version = format!("1.0.{place}");
        let old = cloud.json(&["bake", "--version", &version]);
        let killed =
            cloud.veris(&["prune", "--keep", "1"]).env("VERIS_FAULT_AT", format!("kill@{place}")).output().unwrap();
        assert!(
            killed.status.success() || std::os::unix::process::ExitStatusExt::signal(&killed.status) == Some(9),
            "{}",
            talk(&killed)
        );
        cloud.json(&["prune", "--keep", "1"]);
        assert_eq!(of_version(&cloud, &version, old["digest"].as_str().unwrap()), [""; 0], "killed at {place}");
        assert_eq!(cloud.json(&["images"]).as_array().unwrap().len(), 1);
        assert_eq!(cloud.json(&["images"])[0]["imageId"], newest["imageId"]);
        if killed.status.success() {
            assert!(place > 10, "only {place} places were passed");
            return;
        }
    }
}
