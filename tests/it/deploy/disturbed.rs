//! Whatever goes wrong with one call of a deployment, clients are served all the while, and the same command can be run again.
//!
//! Not every place is tried each time: `VERIS_EVERY_FAULT=1` does so.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

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
pub(crate) const FOR_GOOD: u64 = 1_000_000;
pub(crate) const MODES: [(&str, u64); 9] = [
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
pub(crate) async fn unlucky(cloud: &Cloud, mode: &str, places: RangeInclusive<u64>) -> (Operator, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let (counted, fault) = (Arc::clone(&calls), Fault::Ask(mode.to_owned()));
    let each_call = EachCall::choosing(move |_| {
        let call = counted.fetch_add(1, Ordering::SeqCst) + 1;
        places.contains(&call).then(|| fault.clone())
    });
    (Operator::disturbed(cloud, &each_call).await, calls)
}

/// The version serves and is proven, nothing is under way, and only so many instances exist.
pub(super) fn assert_settled(cloud: &Cloud, version: &str, existing: RangeInclusive<usize>, when: &str) {
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

/// Clients meet what does not answer until it is taken back, so one refusal on the way must not end that.
#[tokio::test(flavor = "multi_thread")]
async fn taking_back_goes_on_after_a_call_that_was_refused() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let calm = Operator::of(&cloud).await;
    let first = calm.launch(&fast("1.0.0")).await.unwrap().instance_id;
    cloud.mood("1.1.0", "sick through the address");
    for place in 1..=8 {
        let (state, moved_from, calls) = (cloud.layout().state(), first.clone(), AtomicU64::new(0));
        let each_call = EachCall::choosing(move |_| {
            let has_moved = Operator::holder_in(&state) != moved_from;
            (has_moved && calls.fetch_add(1, Ordering::SeqCst) + 1 == place).then(|| Fault::Ask("deny".to_owned()))
        });
        let ada = Operator::disturbed(&cloud, &each_call).await;
        let told = Report::new(&ada.launch(&Launch { timeout: 1, ..fast("1.1.0") }).await.unwrap_err()).to_string();
        assert!(told.contains("serves as before"), "refused at {place}: {told}");
        assert_eq!(Operator::holder(&cloud), first, "refused at {place}");
        assert_settled(&cloud, "1.0.0", 1..=1, &format!("refused at {place}"));
    }
}
