//! Launch, promote, roll back, with the ledger beside them: in the local cloud, whose guests are stand-ins.

pub(crate) mod disturbed;
mod faults;
mod histories;
pub(crate) mod operator;
mod recovery;
mod shortage;

use std::collections::BTreeSet;

use serde_json::json;
use veris::commands::launch::Launch;
use veris::commands::promote::Promote;
use veris::ledger::Keep;
use veris::requirements::Requirements;

use self::operator::{Operator, fast};
use crate::stand_in::Cloud;

/// Of a key that nobody has.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

#[tokio::test(flavor = "multi_thread")]
async fn versions_follow_each_other_and_the_ledger_tells_who_did_it_and_why() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0", "1.2.0"]) else { return };
    let ada = Operator::of(&cloud).await;

    let parameters = cloud.state()["parameters"].clone();
    let planned = cloud.json(&["launch", "1.0.0", "--dry-run", "--env-file", &ada.env_file()]);
    assert_eq!((&planned["deployment"], &planned["from"]), (&json!(1), &json!(null)));
    assert_eq!(cloud.state()["instances"], json!({}), "a dry run made something");
    assert_eq!(cloud.state()["parameters"], parameters);

    let first = ada.launch(&Launch { reason: Some("the first one".to_owned()), ..fast("1.0.0") }).await.unwrap();
    assert_eq!((first.deployment, first.live), (1, true));
    let second = ada.launch(&Launch { keep: Keep::Stopped, ..fast("1.1.0") }).await.unwrap();
    assert_eq!(second.previous.unwrap().instance_id, first.instance_id);
    cloud.wait_until("the old instance is stopped", || Operator::state_of(&cloud, &first.instance_id) == "stopped");

    let waiting = ada.launch(&Launch { no_promote: true, ..fast("1.2.0") }).await.unwrap();
    assert_eq!((waiting.live, Operator::holder(&cloud).as_str()), (false, second.instance_id.as_str()));
    let promote = Promote { keep: Keep::Running, ..operator::promote() };
    let promoted = ada.promote(&promote).await.unwrap();
    assert_eq!(promoted.instance_id, waiting.instance_id);
    assert_eq!(Operator::holder(&cloud), waiting.instance_id);

    let back = ada.rollback(None).await.unwrap();
    assert_eq!((back.to.version.to_string().as_str(), back.deployment), ("1.1.0", 5));
    // A second one goes further back: the kept instance is started first.
    let further = ada.rollback(None).await.unwrap();
    assert_eq!(further.to.instance_id, first.instance_id);
    let forward = ada.rollback(Some("1.2.0")).await.unwrap();
    assert_eq!(forward.to.instance_id, waiting.instance_id);

    insta::assert_snapshot!(ada.history().await);
    let live = &cloud.state()["parameters"]["/veris/chat/local/live"];
    assert_eq!((&live["data_type"], live["versions"].as_array().unwrap().len()), (&json!("aws:ec2:image"), 6));
    let json = cloud.json(&["history", "--limit", "1"]);
    assert_eq!((&json[0]["kind"], &json[0]["outcome"]["ending"]), (&json!("rollback"), &json!("live")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_prove_itself_is_taken_back() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let ada = Operator::of(&cloud).await;
    let first = ada.launch(&fast("1.0.0")).await.unwrap();
    for (mood, timeout, seen) in [
        ("sick", 1, "answered 500"),
        ("without settings", 1, "serves without the settings of its `.env`"),
        ("no chat", 20, "explicit deny in a service control policy"),
        ("sick through the address", 8, "answered 500"),
    ] {
        cloud.mood("1.1.0", mood);
        let error = ada.launch(&Launch { timeout, ..fast("1.1.0") }).await.unwrap_err();
        let error = veris::error::Report::new(&error).to_string();
        assert!(error.contains("the launch failed; instance i-") && error.contains("was terminated"), "{error}");
        assert!(error.contains(seen) && error.contains("hint:"), "{mood}: {error}");
        assert_eq!(Operator::holder(&cloud), first.instance_id);
        assert_eq!(Operator::running(&cloud), [first.instance_id.as_str()]);
    }
    let state = cloud.state();
    let addresses = state["instances"].as_object().unwrap().values().map(|instance| instance["address"].to_string());
    assert_eq!(addresses.collect::<BTreeSet<_>>().len(), 2, "the address of what was terminated is free again");
    cloud.mood("1.1.0", "well");
    // It falls ill while it is watched.
    let watched = Launch { soak: Some(600), ..fast("1.1.0") };
    let (soaked, ()) = tokio::join!(ada.launch(&watched), async {
        ada.wait_until(&cloud, |holder| holder != first.instance_id).await;
        cloud.mood("1.1.0", "sick through the address");
    });
    let error = format!("{:#}", soaked.unwrap_err());
    assert!(error.contains("the launch failed") && error.contains("answered 500"), "{error}");
    assert_eq!(Operator::holder(&cloud), first.instance_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_which_nothing_is_known_is_launched_only_where_nothing_is_asked_or_somebody_says_so() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let mut ada = Operator::of(&cloud).await;
    cloud.project.write("release.pub.pem", PUBLIC_KEY);
    ada.context.environment.require =
        Requirements { proven: true, signed: Some(cloud.project.path().join("release.pub.pem")) };
    let refused = ada.launch(&fast("1.0.0")).await.unwrap_err();
    let refused = veris::error::Report::new(&refused).to_string();
    let lacks = "nothing says that its disk was looked at; it is not signed";
    assert!(
        refused.contains("environment `local` takes proven or signed images only, and chat 1.0.0 (ami-"),
        "{refused}"
    );
    assert!(refused.contains(lacks) && refused.contains("add `--allow-unproven`"), "{refused}");
    assert_eq!(cloud.state()["instances"], json!({}));

    let allowed = Launch { allow_unproven: true, reason: Some("a drill".to_owned()), ..fast("1.0.0") };
    ada.launch(&allowed).await.unwrap();
    let history = ada.history().await;
    assert!(history.contains(&format!("allowed although {lacks}; a drill")), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_moved_by_hand_is_not_stolen() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0", "1.2.0"]) else { return };
    let ada = Operator::of(&cloud).await;
    let first = ada.launch(&fast("1.0.0")).await.unwrap();
    let second = ada.launch(&fast("1.1.0")).await.unwrap();
    ada.move_by_hand(&cloud, &first.instance_id).await;
    let refused = ada.launch(&fast("1.2.0")).await.unwrap_err().to_string();
    assert!(refused.contains(&first.instance_id) && refused.contains(&second.instance_id), "{refused}");
    assert!(ada.rollback(None).await.unwrap_err().to_string().contains("moved it by hand"));
    assert_eq!(Operator::holder(&cloud), first.instance_id);
    let taken = ada.launch(&Launch { force: true, ..fast("1.2.0") }).await.unwrap();
    assert_eq!(taken.previous.unwrap().instance_id, first.instance_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_operators_one_wins_and_the_other_is_told_who() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let (ada, bob) = (Operator::of(&cloud).await, Operator::of(&cloud).await);
    ada.launch(&fast("1.0.0")).await.unwrap();
    let ada_watches = Launch { soak: Some(1), ..fast("1.1.0") };
    let (one, other) = tokio::join!(ada.launch(&ada_watches), async {
        ada.wait_until_under_way(&cloud, 2).await;
        bob.rollback(None).await
    });
    assert_eq!(one.unwrap().version.to_string(), "1.1.0");
    let told = veris::error::Report::new(&other.unwrap_err()).to_string();
    assert!(told.contains("deployment 2, a launch of 1.1.0, is under way: user/local on "), "{told}");
    assert!(told.contains("leads it since") && told.contains("hint:"), "{told}");
    // Both at the same moment: one of them begins, the other is told or comes second.
    let (one, other) = tokio::join!(ada.rollback(None), bob.rollback(None));
    assert!(one.is_ok() || other.is_ok());
    let numbers = Operator::deployments(&cloud);
    assert!(numbers.iter().all(Option::is_some), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_image_of_the_previous_version_is_gone_the_next_candidate_is_named() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0", "1.2.0"]) else { return };
    let ada = Operator::of(&cloud).await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        ada.launch(&Launch { keep: Keep::None, ..fast(version) }).await.unwrap();
    }
    ada.deregister(&cloud, "1.1.0").await;
    let error = veris::error::Report::new(&ada.rollback(None).await.unwrap_err()).to_string();
    assert!(error.contains("of 1.1.0, which served before 1.2.0, is gone"), "{error}");
    assert!(error.contains("`veris rollback 1.0.0`"), "{error}");
    let back = ada.rollback(Some("1.0.0")).await.unwrap();
    assert_eq!(back.to.version.to_string(), "1.0.0");
}
