//! What somebody has left half-done is ended by whoever comes next, and by one of them only.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_ssm::types::ParameterType;
use veris::error::Report;
use veris::fault_point::EachCall;

use super::disturbed::{FOR_GOOD, assert_settled, unlucky};
use super::operator::{Operator, fast, promote};
use crate::stand_in::Cloud;

/// Two runs died: one deployment is open, and so is the recovery that was to take it back. So is the next recovery, which fails.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_of_a_recovery_fails_the_next_one_ends_all_that_was_left() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let (calm, gone) = (Operator::of(&cloud).await, Operator::of(&cloud).await);
    gone.launch(&fast("1.0.0")).await.unwrap();
    drop(gone);
    for place in 1.. {
        for _ in 0..2 {
            leave_open(&cloud, &calm).await;
        }
        let (ada, calls) = unlucky(&cloud, "expire", place..=FOR_GOOD).await;
        assert!(ada.promote(&promote()).await.is_err());
        drop(ada);
        assert!(calm.promote(&promote()).await.is_err(), "nobody waits to be promoted");
        assert_settled(&cloud, "1.0.0", 1..=1, &format!("a recovery, expired at {place}"));
        if calls.load(Ordering::SeqCst) < place {
            break;
        }
    }
}

/// Two operators find the same deployment left. Whoever does not get to recover it is told so, and begins nothing beside the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_would_recover_the_second_does_not_begin_beside_the_first() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let gone = Operator::of(&cloud).await;
    gone.launch(&fast("1.0.0")).await.unwrap();
    leave_open(&cloud, &gone).await;
    drop(gone);
    let over = Arc::new(AtomicBool::new(false));
    // Ada is held as soon as her recovery is under way, Bob until then: he has read that nobody leads what was left.
    let (state, is_over) = (cloud.layout().state(), Arc::clone(&over));
    let ada = EachCall::choosing(move |_| {
        while has_recovery(&state) && !is_over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    });
    let (state, calls) = (cloud.layout().state(), AtomicU64::new(0));
    let bob = EachCall::choosing(move |_| {
        let looks_no_more = calls.fetch_add(1, Ordering::SeqCst) >= LOOKS;
        while looks_no_more && !has_recovery(&state) {
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    });
    let (ada, bob) = (Operator::disturbed(&cloud, &ada).await, Operator::disturbed(&cloud, &bob).await);
    // Each on a thread: who is held holds a thread.
    let runtime = tokio::runtime::Handle::current();
    let (one, other) = tokio::task::block_in_place(|| {
        std::thread::scope(|threads| {
            let ada = threads.spawn(|| runtime.block_on(ada.launch(&fast("1.1.0"))));
            let other = runtime.block_on(bob.launch(&fast("1.1.0")));
            over.store(true, Ordering::SeqCst);
            (ada.join().unwrap(), other)
        })
    });
    let told = Report::new(&other.unwrap_err()).to_string();
    assert!(told.contains("deployment 3, a recovery, is under way: "), "{told}");
    assert_eq!(one.unwrap().deployment, 4);
    assert_settled(&cloud, "1.1.0", 2..=2, "two would have recovered");
}

/// Calls with which a launch looks before it recovers: who asks, the ledger, the address, the instances and the images.
const LOOKS: u64 = 5;

fn has_recovery(state: &Path) -> bool {
    fs_err::read_to_string(state).unwrap().contains("/deployments/000003")
}

/// Writes an entry as a recovery does whose program dies.
async fn leave_open(cloud: &Cloud, operator: &Operator) {
    let records = Operator::records(cloud);
    let (mut record, number) = (records[0].clone(), records.len() + 1);
    let fields = record.as_object_mut().unwrap();
    fields.retain(|name, _| name != "task" && name != "outcome");
    fields["number"] = number.into();
    fields["nonce"] = format!("left-{number}").into();
    fields["kind"] = "recovery".into();
    let name = format!("/veris/chat/local/deployments/{number:06}");
    let call = operator.context.clients.ssm.put_parameter().name(name).value(record.to_string());
    call.r#type(ParameterType::String).send().await.unwrap();
}
