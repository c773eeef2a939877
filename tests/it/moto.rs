//! The same commands against moto, the independent emulator of AWS: what they count on was not written by those who wrote them.
//!
//! `moto.md` says what moto does not do as AWS does it, and `moto/differences.rs` shows it.

mod account;
mod day_two;
mod differences;
mod images;

use veris::aws::Clients;
use veris::commands::launch::Launch;
use veris::commands::promote::Promote;
use veris::environment::Environment;
use veris::error::Report;
use veris::ledger::Keep;

use self::account::Account;
use crate::deploy::operator::{fast, promote};

/// The ledger of the same story in the local cloud.
const LEDGER: &str =
    include_str!("snapshots/it__deploy__versions_follow_each_other_and_the_ledger_tells_who_did_it_and_why.snap");

#[test]
fn an_emulator_is_looked_for_on_loopback_alone() {
    let refused = Clients::of_emulator("192.0.2.1:80".parse().unwrap(), &Environment::local()).unwrap_err();
    assert!(refused.to_string().contains("192.0.2.1:80: it is not loopback"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_follow_each_other_and_the_ledger_tells_the_same_as_in_the_local_cloud() {
    let Some(moto) = Account::with_versions(&["1.0.0", "1.1.0", "1.2.0"]).await else { return };
    let ada = moto.operator();

    let first = ada.launch(&Launch { reason: Some("the first one".to_owned()), ..fast("1.0.0") }).await.unwrap();
    assert_eq!((first.deployment, first.live, moto.holder().await), (1, true, first.instance_id.clone()));
    let second = ada.launch(&Launch { keep: Keep::Stopped, ..fast("1.1.0") }).await.unwrap();
    assert_eq!(second.previous.unwrap().instance_id, first.instance_id);
    assert_eq!(moto.state_of(&first.instance_id).await, "stopped");

    let waiting = ada.launch(&Launch { no_promote: true, ..fast("1.2.0") }).await.unwrap();
    assert_eq!((waiting.live, moto.holder().await), (false, second.instance_id.clone()));
    let promoted = ada.promote(&Promote { keep: Keep::Running, ..promote() }).await.unwrap();
    assert_eq!((promoted.instance_id, moto.holder().await), (waiting.instance_id.clone(), waiting.instance_id.clone()));

    // moto goes on showing the Elastic IP as the own address of the instance that it was taken from.
    let back = ada.rollback(None).await.unwrap();
    assert_eq!((back.to.instance_id, moto.holder().await), (second.instance_id.clone(), second.instance_id));
    // A second one goes further back: the kept instance is started first.
    let further = ada.rollback(None).await.unwrap();
    assert_eq!(
        (further.to.instance_id, moto.state_of(&first.instance_id).await),
        (first.instance_id, "running".into())
    );
    let forward = ada.rollback(Some("1.2.0")).await.unwrap();
    assert_eq!(forward.to.instance_id, waiting.instance_id);

    let ledger = ada.history().await.replace("user/moto", "user/local");
    assert_eq!(ledger.trim(), LEDGER.splitn(3, "---").nth(2).unwrap().trim());
    let live = moto.parameter("/veris/chat/prod/live").await.unwrap();
    assert_eq!((live.value(), live.data_type()), (moto.image("1.2.0").await.as_deref(), Some("aws:ec2:image")));
    assert_eq!(live.version(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_prove_itself_is_taken_back() {
    let Some(moto) = Account::with_versions(&["1.0.0", "1.1.0"]).await else { return };
    // The recipe names no address: the first launch allocates one, and every later command finds it by its tag.
    let ada = moto.operator_without_address();
    let first = ada.launch(&fast("1.0.0")).await.unwrap();
    for (mood, timeout, seen) in [
        ("sick", 1, "answered 500"),
        ("no chat", 20, "explicit deny in a service control policy"),
        ("sick through the address", 8, "answered 500"),
    ] {
        moto.mood("1.1.0", mood).await;
        let error = Report::new(&ada.launch(&Launch { timeout, ..fast("1.1.0") }).await.unwrap_err()).to_string();
        assert!(error.contains("the launch failed; instance i-") && error.contains("was terminated"), "{error}");
        assert!(error.contains(seen) && error.contains("hint:"), "{mood}: {error}");
        assert_eq!(moto.holder().await, first.instance_id);
        assert_eq!(moto.running().await, [first.instance_id.as_str()]);
    }
    moto.mood("1.1.0", "well").await;
    // It falls ill while it is watched.
    let watched = Launch { soak: Some(600), ..fast("1.1.0") };
    let (soaked, ()) = tokio::join!(ada.launch(&watched), async {
        moto.wait_until_moved_from(&first.instance_id).await;
        moto.mood("1.1.0", "sick through the address").await;
    });
    let error = format!("{:#}", soaked.unwrap_err());
    assert!(error.contains("the launch failed") && error.contains("answered 500"), "{error}");
    assert_eq!(moto.holder().await, first.instance_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_moved_by_hand_is_not_stolen() {
    let Some(moto) = Account::with_versions(&["1.0.0", "1.1.0", "1.2.0"]).await else { return };
    let ada = moto.operator();
    let first = ada.launch(&fast("1.0.0")).await.unwrap();
    let second = ada.launch(&fast("1.1.0")).await.unwrap();
    let by_hand = moto.clients.ec2.associate_address().allocation_id(moto.address().await.allocation_id.unwrap());
    by_hand.instance_id(&first.instance_id).allow_reassociation(true).send().await.unwrap();

    let refused = ada.launch(&fast("1.2.0")).await.unwrap_err().to_string();
    assert!(refused.contains(&first.instance_id) && refused.contains(&second.instance_id), "{refused}");
    assert!(ada.rollback(None).await.unwrap_err().to_string().contains("moved it by hand"));
    assert_eq!(moto.holder().await, first.instance_id);
    let taken = ada.launch(&Launch { force: true, ..fast("1.2.0") }).await.unwrap();
    assert_eq!(taken.previous.unwrap().instance_id, first.instance_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_operators_one_wins_and_the_other_is_told_who() {
    let Some(moto) = Account::with_versions(&["1.0.0", "1.1.0"]).await else { return };
    let (ada, bob) = (moto.operator(), moto.operator());
    ada.launch(&fast("1.0.0")).await.unwrap();
    let ada_watches = Launch { soak: Some(1), ..fast("1.1.0") };
    let (one, other) = tokio::join!(ada.launch(&ada_watches), async {
        moto.wait_until_under_way(2).await;
        bob.rollback(None).await
    });
    assert_eq!(one.unwrap().version.to_string(), "1.1.0");
    let told = Report::new(&other.unwrap_err()).to_string();
    assert!(told.contains("deployment 2, a launch of 1.1.0, is under way: user/moto on "), "{told}");
    // Both at the same moment: one of them begins, the other is told or comes second.
    let (one, other) = tokio::join!(ada.rollback(None), bob.rollback(None));
    assert!(one.is_ok() || other.is_ok());
    let endings = moto.deployments().await;
    assert!(endings.iter().all(Option::is_some), "{endings:?}");
}
