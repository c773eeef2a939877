//! Where images go beside the region and the account that bake them: copies, permissions, and what becomes of both.

use std::path::Path;
use std::sync::atomic::Ordering;

use aws_sdk_ec2::types::InstanceType;
use serde_json::{Value, json};
use veris::aws::Clients;
use veris::bake::{self, Options};
use veris::environment::Environment;
use veris::error::Report;
use veris::fault_point::{Call, EachCall, Fault};
use veris::recipe::Recipe;

use crate::crashes::killed;
use crate::deploy::disturbed::{MODES, unlucky};
use crate::deploy::operator::{Operator, fast};
use crate::stand_in::Cloud;
use crate::support::RECIPE;

const REGIONS: [&str; 2] = ["us-west-2", "eu-central-1"];
const PARTNER: &str = "111122223333";

/// The project's recipe with these lines below `distribution`.
fn distribute(cloud: &Cloud, lines: &str) {
    let recipe = RECIPE.replace("port: 8000\n", &format!("distribution:\n{lines}port: 8000\n"));
    cloud.project.write("recipes/chat.yaml", &recipe);
}

fn everywhere(cloud: &Cloud) {
    distribute(cloud, &format!("  regions: [{}]\n  accounts: [\"{PARTNER}\"]\n", REGIONS.join(", ")));
}

/// What a region has below this key of the state.
fn there(cloud: &Cloud, region: &str, what: &str) -> Vec<Value> {
    let state = cloud.state();
    let things = state["regions"][region][what].as_object();
    things.into_iter().flatten().map(|(_, thing)| thing.clone()).collect()
}

/// Each region has one copy of each version, which is available, tagged and shared, and its parameters name it.
fn assert_everywhere(cloud: &Cloud, versions: &[&str]) {
    for region in REGIONS {
        let copies = there(cloud, region, "images");
        let copies: Vec<&Value> = copies.iter().filter(|image| image["owner"] != "amazon").collect();
        assert_eq!(copies.len(), versions.len(), "{region}: {copies:#?}");
        assert_eq!(there(cloud, region, "snapshots").len(), versions.len());
        for version in versions {
            let copy = copies.iter().find(|copy| copy["tags"]["veris:version"] == *version).unwrap();
            assert_eq!((&copy["state"], &copy["tags"]["veris:service"]), (&json!("available"), &json!("chat")));
            let parameter = &cloud.state()["regions"][region]["parameters"][format!("/veris/chat/images/{version}")];
            let told = parameter["versions"].as_array().unwrap().last().unwrap();
            assert_eq!(told["value"], copy["image_id"], "{region}: {parameter}");
        }
    }
    let listed = cloud.json(&["images"]);
    for image in listed.as_array().unwrap() {
        assert_eq!(image["copies"].as_array().unwrap().len(), REGIONS.len(), "{image}");
    }
}

async fn clients(cloud: &Cloud) -> Clients {
    Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap()
}

async fn may_launch(clients: &Clients, image: &str) -> Vec<String> {
    let attribute = aws_sdk_ec2::types::ImageAttributeName::LaunchPermission;
    let answer = clients.ec2.describe_image_attribute().image_id(image).attribute(attribute).send().await.unwrap();
    answer.launch_permissions().iter().map(|one| one.user_id().unwrap_or("everybody").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_goes_to_other_regions_and_accounts_and_leaves_them_with_prune() {
    let Some(cloud) = Cloud::up() else { return };
    let first = cloud.json(&["bake", "--version", "1.0.0"]);
    // A recipe that names more than before has the image brought there, and the image itself stays what it is.
    everywhere(&cloud);
    let again = cloud.json(&["bake", "--version", "1.0.0"]);
    assert_eq!((&again["imageId"], &again["created"]), (&first["imageId"], &json!(false)));
    assert_everywhere(&cloud, &["1.0.0"]);
    let baked = cloud.json(&["bake", "--version", "1.1.0"]);
    let stages: Vec<&str> = baked["stages"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(stages.ends_with(&["copy to us-west-2", "copy to eu-central-1"]), "{stages:?}");
    assert_everywhere(&cloud, &["1.0.0", "1.1.0"]);
    let before = cloud.state();
    assert_eq!(cloud.json(&["bake", "--version", "1.1.0"])["created"], false);
    assert_eq!(cloud.state(), before, "an unchanged bake changed something");

    let here = clients(&cloud).await;
    assert_eq!(may_launch(&here, baked["imageId"].as_str().unwrap()).await, [PARTNER]);
    let oregon = here.in_region("us-west-2");
    let copies = there(&cloud, "us-west-2", "images");
    let copy = |version: &str| {
        let copy = copies.iter().find(|copy| copy["tags"]["veris:version"] == version).unwrap();
        copy["image_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(may_launch(&oregon, &copy("1.1.0")).await, [PARTNER]);

    // A machine in Oregon runs the old version.
    let run = oregon.ec2.run_instances().image_id(copy("1.0.0")).instance_type(InstanceType::T3Medium);
    let run = run.min_count(1).max_count(1).send().await.unwrap();
    let kept = cloud.json(&["prune", "--keep", "1"]);
    let reasons = kept["kept"][1]["reasons"].as_array();
    let reasons = reasons.unwrap_or_else(|| panic!("{kept}\n{}\n{}", cloud.state()["instances"], cloud.log()));
    assert!(reasons.len() == 1 && reasons[0].as_str().unwrap().starts_with("in us-west-2 used by arn:"), "{kept}");
    let id = run.instances()[0].instance_id().unwrap();
    oregon.ec2.terminate_instances().instance_ids(id).send().await.unwrap();
    cloud.wait_until("it is terminated", || cloud.state()["instances"][id]["state"] == "terminated");
    let pruned = cloud.json(&["prune", "--keep", "1"]);
    assert_eq!(pruned["removed"][0]["copies"].as_array().unwrap().len(), REGIONS.len(), "{pruned}");
    assert_everywhere(&cloud, &["1.1.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bake_that_is_killed_while_its_image_is_copied_is_gone_on_with() {
    let Some(cloud) = Cloud::up() else { return };
    let baked = cloud.json(&["bake", "--version", "1.0.0"]);
    everywhere(&cloud);
    let mut place = 0;
    loop {
        place += 1;
        let was_killed = killed(&cloud, place, &["bake", "--version", "1.0.0"]);
        assert_eq!(cloud.json(&["bake", "--version", "1.0.0"])["imageId"], baked["imageId"]);
        assert_everywhere(&cloud, &["1.0.0"]);
        if !was_killed {
            break;
        }
        remove_copies(&cloud).await;
    }
    assert!(place > 15, "only {place} places were passed");
}

/// Not every place is tried each time: `VERIS_EVERY_FAULT=1` does so.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_with_a_call_the_image_is_everywhere_in_the_end() {
    let Some(cloud) = Cloud::up() else { return };
    let baked = cloud.json(&["bake", "--version", "1.0.0"]);
    everywhere(&cloud);
    let every = std::env::var_os("VERIS_EVERY_FAULT").is_some();
    let (mut runs, mut failed) = (0, 0);
    for (number, (mode, times)) in MODES.into_iter().enumerate() {
        let (first, step) = if every { (1, 1) } else { (1 + number, 20) };
        for place in (first as u64..).step_by(step) {
            let (ada, calls) = unlucky(&cloud, mode, place..=place + times - 1).await;
            let options = Options { version: Some("1.0.0".parse().unwrap()), ..Options::default() };
            let result = bake::bake(&ada.context, options).await;
            let is_past_the_end = calls.load(Ordering::SeqCst) < place;
            runs += 1;
            failed += u32::from(result.is_err());
            assert_eq!(cloud.json(&["bake", "--version", "1.0.0"])["imageId"], baked["imageId"], "{mode} at {place}");
            assert_everywhere(&cloud, &["1.0.0"]);
            remove_copies(&cloud).await;
            if is_past_the_end {
                break;
            }
        }
    }
    eprintln!("{runs} runs, {failed} of which failed and were gone on with; 0 violations");
    assert!(failed > 2, "only {failed} of {runs} runs failed");
}

async fn remove_copies(cloud: &Cloud) {
    let here = clients(cloud).await;
    for region in REGIONS {
        let clients = here.in_region(region);
        for copy in there(cloud, region, "images").iter().filter(|image| image["owner"] != "amazon") {
            bake::deregister(&clients, copy["image_id"].as_str().unwrap()).await.unwrap();
        }
        for parameter in there(cloud, region, "parameters") {
            let name = parameter["name"].as_str().unwrap();
            if name.starts_with("/veris/") {
                bake::remove_parameter(&clients, name).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_image_is_gone_is_an_orphan() {
    let Some(cloud) = Cloud::up() else { return };
    everywhere(&cloud);
    let baked = cloud.json(&["bake", "--version", "1.0.0"]);
    let here = clients(&cloud).await;
    bake::deregister(&here, baked["imageId"].as_str().unwrap()).await.unwrap();
    let too_new = cloud.json(&["gc"]);
    let kept = too_new["kept"].as_array().unwrap();
    let names = kept.iter().map(|kept| kept["name"].as_str().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("arn:aws:ec2:")).count(), REGIONS.len(), "{too_new}");
    cloud.json(&["gc", "--older-than", "0"]);
    // The parameters of a copy are of no use once it is gone.
    cloud.json(&["gc", "--older-than", "0"]);
    for region in REGIONS {
        assert!(there(&cloud, region, "snapshots").is_empty());
        let left = there(&cloud, region, "parameters");
        let left: Vec<&str> = left.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert!(left.iter().all(|name| !name.ends_with("/1.0.0")), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_cannot_be_copied_to_costs_no_image() {
    let Some(cloud) = Cloud::up() else { return };
    everywhere(&cloud);
    let denied = |call: Call<'_>| (call.operation == "CopyImage").then(|| Fault::Ask("deny".to_owned()));
    let ada = Operator::disturbed(&cloud, &EachCall::choosing(denied)).await;
    let refused = Report::new(&bake::bake(&ada.context, Options::default()).await.unwrap_err()).to_string();
    assert!(refused.contains("failed to copy ami-") && refused.contains(" to us-west-2: "), "{refused}");
    assert!(refused.contains("version 1.2.3 is not everywhere where the recipe wants it"), "{refused}");
    assert!(refused.contains("is made and stays; the next `veris bake` goes on with the rest"), "{refused}");
    assert_eq!(cloud.json(&["bake"])["created"], false);
    assert_everywhere(&cloud, &["1.2.3"]);
}

#[test]
fn a_root_volume_is_encrypted_where_that_is_asked_for() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.json(&["bake", "--version", "1.0.0"]);
    let recipe = RECIPE.replace("  type: gp3\n", "  type: gp3\n  encrypted: true\n  kms_key_id: alias/veris\n");
    cloud.project.write("recipes/chat.yaml", &recipe);
    let explained = cloud.veris(&["bake", "--explain", "--version", "1.1.0"]).output().unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains("volume.encryption: by the account -> alias/veris"), "{explained}");
    let baked = cloud.json(&["bake", "--version", "1.1.0"]);
    let verified = cloud.json(&["verify-image", "1.1.0"]);
    assert_eq!(verified["good"], true, "{verified}");
    let shown = cloud.veris(&["show", "1.1.0"]).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("volume   30 GiB gp3, encrypted\n"));
    let image = &cloud.state()["images"][baked["imageId"].as_str().unwrap()];
    assert!(image.to_string().contains(":kms:ap-southeast-2:"), "{image}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_launches_what_another_account_has_baked_and_removes_nothing() {
    let Some(cloud) = Cloud::with_version_of(PARTNER, "1.0.0") else { return };
    let mut ada = Operator::of(&cloud).await;
    assert!(ada.launch(&fast("1.0.0")).await.unwrap_err().to_string().contains("nothing is baked yet"));
    ada.context.environment.image_owner = Some(PARTNER.to_owned());
    assert!(ada.launch(&fast("1.0.0")).await.unwrap().live);
    let refused = veris::prune::plan(&ada.context, 1).await.unwrap_err().to_string();
    assert_eq!(refused, "environment `local` launches images of account 111122223333, and has none of its own");
    let refused = bake::bake(&ada.context, Options::default()).await.unwrap_err().to_string();
    assert!(refused.contains("has none of its own"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_launched_in_its_region() {
    let Some(cloud) = Cloud::up() else { return };
    everywhere(&cloud);
    cloud.json(&["bake", "--version", "1.0.0"]);
    let mut ada = Operator::of(&cloud).await;
    ada.context.clients = ada.context.clients.in_region("us-west-2");
    ada.context.environment.region = "us-west-2".to_owned();
    let launched = ada.launch(&fast("1.0.0")).await.unwrap();
    assert!(launched.live);
    let state = cloud.state();
    let copy = &state["instances"][&launched.instance_id]["image_id"];
    assert!(state["regions"]["us-west-2"]["images"].get(copy.as_str().unwrap()).is_some(), "{copy}");
    let live = &state["regions"]["us-west-2"]["parameters"]["/veris/chat/local/live"]["versions"][0]["value"];
    assert_eq!(live, copy);
    // Where the image comes from is asked at home: what serves elsewhere stays, with the image that it is a copy of.
    ada.context.clients = ada.context.clients.in_region("ap-southeast-2");
    ada.context.environment.region = "ap-southeast-2".to_owned();
    cloud.json(&["bake", "--version", "1.1.0"]);
    let plan = veris::prune::plan(&ada.context, 1).await.unwrap();
    assert!(plan.remove.is_empty(), "{plan:?}");
}

#[test]
fn the_projects_recipe_shows_how_it_is_written() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs_err::read_to_string(project.join("recipes/veris-chat.yaml")).unwrap();
    let example = text.replace("# distribution:", "distribution:").replace("#   regions:", "  regions:");
    let example = example.replace("#   accounts:", "  accounts:").replace("#  encrypted:", "  encrypted:");
    let example = example.replace("#  kms_key_id:", "  kms_key_id:");
    let file = project.join("recipes/veris-chat.yaml");
    let directory = tempfile::tempdir().unwrap();
    let written = directory.path().join("veris-chat.yaml");
    fs_err::write(&written, example).unwrap();
    let (as_it_is, with) = (Recipe::load(project, &file).unwrap(), Recipe::load(project, &written).unwrap());
    assert!(as_it_is.distribution.is_empty() && as_it_is.volume.encryption.is_none());
    assert!(!with.distribution.is_empty() && with.volume.encryption.is_some());
}
