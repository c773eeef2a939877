//! Whatever goes wrong with one call of a deployment, clients are served all the while, and the same command can be run again.
//!
//! Not every place is tried each time: `VERIS_EVERY_FAULT=1` does so.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_ssm::types::ParameterType;
use veris::commands::launch::Launch;
use veris::commands::promote::Promote;
use veris::error::Report;
use veris::exit_status::ExitStatus;
use veris::fault_point::{EachCall, Fault};
use veris::ledger::Keep;

use super::faults::{assert_served, report};
use super::operator::{Operator, fast, promote};
use crate::stand_in::Cloud;

/// What goes wrong, and with how many calls in a row: the SDK tries a call three times. Credentials that have expired stay so.
const FOR_GOOD: u64 = 1_000_000;
const MODES: [(&str, u64); 9] = [
    ("error", 1),
    ("error", 3),
    ("throttle", 1),
    ("deny", 1),
    ("expire", FOR_GOOD),
    ("lose", 1),
    ("lose", 3),
    ("slow=200", 1),
    ("stale=700", 1),
];

/// Places between two that are tried, and the first one.
fn places(mode: usize) -> (u64, usize) {
    let every = std::env::var_os("VERIS_EVERY_FAULT").is_some();
    if every { (1, 1) } else { (1 + 2 * mode as u64, 20) }
}

/// An operator of whose calls those in `places` fail, and how many calls were made.
async fn unlucky(cloud: &Cloud, mode: &str, places: RangeInclusive<u64>) -> (Operator, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let (counted, fault) = (Arc::clone(&calls), Fault::Ask(mode.to_owned()));
    let each_call = EachCall::choosing(move || {
        let call = counted.fetch_add(1, Ordering::SeqCst) + 1;
        places.contains(&call).then(|| fault.clone())
    });
    (Operator::disturbed(cloud, &each_call).await, calls)
}

/// The version serves and is proven, nothing is under way, and only so many instances exist.
fn assert_settled(cloud: &Cloud, version: &str, existing: RangeInclusive<usize>, when: &str) {
    let holder = assert_served(cloud, when);
    let state = cloud.state();
    assert_eq!(state["instances"][&holder]["tags"]["veris:version"], version, "{when}");
    let endings = Operator::deployments(cloud);
    assert!(endings.iter().all(Option::is_some), "{when}: {endings:?}");
    let count = Operator::existing(cloud).len();
    assert!(existing.contains(&count), "{when}: {count} instances exist");
}

/// Where everything went well in the end, others must be told.
fn assert_published(cloud: &Cloud, when: &str) {
    let (state, holder) = (cloud.state(), Operator::holder(cloud));
    let live =
        state["parameters"]["/veris/chat/local/live"]["versions"].as_array().unwrap().last().unwrap()["value"].clone();
    assert_eq!(live, state["instances"][&holder]["image_id"], "{when}");
}

struct Loop<'a> {
    cloud: &'a Cloud,
    /// Whom nothing disturbs.
    calm: Operator,
    verb: &'static str,
    /// Instances that exist when all went well.
    existing: usize,
    /// The version that serves.
    live: &'static str,
}

impl Loop<'_> {
    /// Lets each mode meet the command at one place after the other. `prepare` answers what the command needs to know.
    async fn everywhere<P>(
        mut self,
        prepare: impl AsyncFn(&Operator, &str) -> P,
        command: impl AsyncFn(&Operator, &str, &P) -> anyhow::Result<()>,
    ) {
        for (number, (mode, calls_in_a_row)) in MODES.into_iter().enumerate() {
            let (began, mut runs, mut failed) = (Instant::now(), 0, 0);
            let (first, stride) = places(number);
            for place in (first..).step_by(stride) {
                let target = if self.live == "1.0.0" { "1.1.0" } else { "1.0.0" };
                let when = format!("{}, {mode} at {place} for {calls_in_a_row}", self.verb);
                let prepared = prepare(&self.calm, target).await;
                let places = place..=place + calls_in_a_row - 1;
                let (ada, calls) = unlucky(self.cloud, mode, places).await;
                let tried = command(&ada, target, &prepared).await;
                drop(ada);
                assert_served(self.cloud, &when);
                runs += 1;
                if let Err(error) = tried {
                    failed += 1;
                    let told = Report::new(&error);
                    assert_ne!(told.status, ExitStatus::Internal, "{when}: {told}");
                    let told = told.to_string();
                    assert!(mode != "expire" || told.contains("aws sso login"), "{when}: {told}");
                    self.again(target, &prepared, &command, &format!("{when}, which said `{told}`")).await;
                } else {
                    // What could not be tidied up was a warning.
                    assert_settled(self.cloud, target, self.existing..=self.existing + 1, &when);
                }
                self.live = target;
                self.terminate_superfluous().await;
                if calls.load(Ordering::SeqCst) < place {
                    break;
                }
            }
            assert!(runs > 1, "{}: only {runs} places were passed", self.verb);
            report(&format!("{} {mode} x{calls_in_a_row}, {failed} failed", self.verb), runs, began.elapsed());
        }
    }

    /// The same command by somebody whom nothing disturbs. Where the first one came far enough it is finished already.
    async fn again<P>(
        &self,
        target: &str,
        prepared: &P,
        command: &impl AsyncFn(&Operator, &str, &P) -> anyhow::Result<()>,
        when: &str,
    ) {
        if let Err(error) = command(&self.calm, target, prepared).await {
            let told = Report::new(&error).to_string();
            assert!(told.contains("is live already") || told.contains("waits in environment"), "{when}, then: {told}");
            if Operator::version_of(self.cloud, &Operator::holder(self.cloud)) != target {
                // It was taken back with the instance that it was about.
                let prepared = self.calm.launch(&Launch { no_promote: true, ..fast(target) }).await.unwrap();
                self.calm
                    .promote(&Promote { target: Some(prepared.instance_id), keep: Keep::None, ..promote() })
                    .await
                    .unwrap();
            }
        }
        assert_settled(self.cloud, target, self.existing..=self.existing, when);
        assert_published(self.cloud, when);
    }

    async fn terminate_superfluous(&self) {
        let holder = Operator::holder(self.cloud);
        let mut others = Operator::existing(self.cloud);
        others.retain(|id| *id != holder);
        for id in others.iter().skip(self.existing - 1) {
            self.calm.context.clients.ec2.terminate_instances().instance_ids(id).send().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_survives_whatever_happens_to_one_of_its_calls() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let launch = |version: &str| Launch { keep: Keep::None, ..fast(version) };
    let calm = Operator::of(&cloud).await;
    calm.launch(&launch("1.0.0")).await.unwrap();
    let faults = Loop { cloud: &cloud, calm, verb: "launch", existing: 1, live: "1.0.0" };
    let command = async |operator: &Operator, version: &str, (): &()| operator.launch(&launch(version)).await.map(drop);
    faults.everywhere(async |_: &Operator, _: &str| (), command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_survives_whatever_happens_to_one_of_its_calls() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let calm = Operator::of(&cloud).await;
    for version in ["1.0.0", "1.1.0"] {
        calm.launch(&fast(version)).await.unwrap();
    }
    let faults = Loop { cloud: &cloud, calm, verb: "rollback", existing: 2, live: "1.1.0" };
    let command = async |operator: &Operator, version: &str, (): &()| operator.rollback(Some(version)).await.map(drop);
    faults.everywhere(async |_: &Operator, _: &str| (), command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_survives_whatever_happens_to_one_of_its_calls() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let calm = Operator::of(&cloud).await;
    calm.launch(&fast("1.0.0")).await.unwrap();
    let faults = Loop { cloud: &cloud, calm, verb: "promote", existing: 1, live: "1.0.0" };
    let prepare = async |calm: &Operator, version: &str| {
        calm.launch(&Launch { no_promote: true, ..fast(version) }).await.unwrap().instance_id
    };
    let command = async |operator: &Operator, _: &str, id: &String| {
        let args = Promote { target: Some(id.clone()), keep: Keep::None, ..promote() };
        operator.promote(&args).await.map(drop)
    };
    faults.everywhere(prepare, command).await;
}

/// A cloud that shows everything late, from the first call to the last: by more than the tool waits between two looks.
#[tokio::test(flavor = "multi_thread")]
async fn deployments_work_where_everything_is_seen_late() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let (ada, _) = unlucky(&cloud, "stale=40", 1..=u64::MAX).await;
    let first = ada.launch(&fast("1.0.0")).await.unwrap();
    let second = ada.launch(&fast("1.1.0")).await.unwrap();
    assert_eq!(Operator::holder(&cloud), second.instance_id);
    assert_eq!(ada.rollback(None).await.unwrap().to.instance_id, first.instance_id);
    let waiting = ada.launch(&Launch { no_promote: true, ..fast("1.1.0") }).await.unwrap();
    let target = Some(waiting.instance_id.clone());
    ada.promote(&Promote { target, keep: Keep::None, ..promote() }).await.unwrap();
    assert_settled(&cloud, "1.1.0", 2..=2, "everything was seen late");
    assert_eq!(Operator::holder(&cloud), waiting.instance_id);
}

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
    let ada = EachCall::choosing(move || {
        while has_recovery(&state) && !is_over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    });
    let (state, calls) = (cloud.layout().state(), AtomicU64::new(0));
    let bob = EachCall::choosing(move || {
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
