//! From a plan to the instance behind the address, or back to where everything was.
//!
//! A deployment is decided from the ledger and from what EC2 shows ([`next`]), one step at a time, so that a run that was killed
//! is finished or taken back by the next one ([`recover`]).

mod act;
mod drive;
mod next;
mod recover;
mod scene;

use std::time::{Duration, Instant};

use anyhow::Result;

use self::drive::Deployment;
pub use self::scene::Scene;
use crate::context::Context;
use crate::error::{Failure, cloud};
use crate::ledger::{Entry, Holder, Kind, Lease, Ledger, Record, Task};
use crate::user_data::UserData;

/// Attempts to begin: each time somebody else was faster, or has left something half-done.
const ATTEMPTS: u32 = 6;

/// How a deployment is done.
#[derive(Debug, Clone)]
pub struct Options {
    pub kind: Kind,
    pub reason: Option<String>,
    /// How long the service may take until it answers.
    pub timeout: Duration,
    /// How long the new instance is watched behind the address.
    pub soak: Duration,
    /// Whether it must have answered one question before the address moves.
    pub chat: bool,
}

/// What is to be done, decided from a [`Scene`].
#[derive(Debug, Clone)]
pub struct Plan {
    pub task: Task,
    pub settings: Settings,
}

/// User data of an instance that is created.
#[derive(Debug, Clone)]
pub enum Settings {
    /// Nothing is created.
    None,
    Given(UserData),
    /// Those of this instance.
    Of(String),
}

/// A deployment that ended well.
#[derive(Debug)]
pub struct Deployed {
    pub record: Record,
    pub instance_id: String,
    /// Of the types that the recipe names, the one that there was a machine of.
    pub instance_type: String,
    /// Where its service is reached.
    pub url: String,
    pub seconds: f64,
    /// What could not be done although the deployment itself ended well.
    pub warnings: Vec<String>,
}

/// Carries out what `decide` plans. What others left half-done is finished or taken back before.
pub async fn deploy(
    context: &Context,
    options: &Options,
    decide: impl Fn(&Scene) -> Result<Plan, Failure>,
) -> Result<Deployed> {
    let started = Instant::now();
    let ledger = Ledger::of(context);
    let (scene, holder) = tokio::join!(Scene::look(context, &ledger), Holder::here(context));
    let (mut scene, holder) = (scene?, holder?);
    for _ in 0..ATTEMPTS {
        if recover::open(context, &ledger, &scene.entries, &holder).await? {
            // Whoever was faster may be recovering still.
            scene = Scene::look(context, &ledger).await?;
            continue;
        }
        let plan = decide(&scene)?;
        let reason = options.reason.as_deref();
        let record = Record::begin(options.kind, holder.clone(), reason, Some(plan.task.clone()));
        // From here on a Ctrl-C is answered by taking back.
        let shield = context.interrupt.shield();
        let Some(lease) = Lease::begin(&ledger, record, scene.last_number()).await? else {
            scene = Scene::look(context, &ledger).await?;
            continue;
        };
        let deployment = Deployment::begin(context, &lease, options, plan, scene).await?;
        return deployment.carry_out(&shield, started).await;
    }
    Err(overtaken().into())
}

/// Finishes or takes back whatever somebody has left half-done, where nobody leads it any more.
pub async fn tidy(context: &Context) -> Result<()> {
    let ledger = Ledger::of(context);
    let (mut entries, holder) = tokio::try_join!(ledger.read(), Holder::here(context))?;
    for _ in 0..ATTEMPTS {
        if !recover::open(context, &ledger, &entries, &holder).await? {
            return Ok(());
        }
        entries = ledger.read().await?;
    }
    Err(overtaken().into())
}

fn overtaken() -> Failure {
    cloud(format!("other operators began a deployment each time this one wanted to, {ATTEMPTS} times"))
        .hint("`veris history` shows them; agree with them, and run the command again")
}

/// How long a new instance is watched where the user names no seconds: in the local cloud things are tried out.
pub fn soak(context: &Context, seconds: Option<u64>) -> Duration {
    let default = if context.environment.is_local() { 2 } else { 30 };
    Duration::from_secs(seconds.unwrap_or(default))
}

/// A deployment that is under way, for people who only look.
pub fn under_way(entries: &[Entry]) -> Option<String> {
    let record = &entries.last()?.record;
    let since = record.began.strftime("%Y-%m-%d %H:%M:%S UTC");
    record.is_under_way().then(|| {
        format!(
            "deployment {}, a {}, is under way since {since}, led by {}",
            record.number,
            record.kind.noun(),
            record.by
        )
    })
}

/// What could not be done is said where people read; the deployment itself ended well.
pub(crate) fn warn(context: &Context, deployed: &Deployed) {
    for warning in &deployed.warnings {
        context.printer.talk(format_args!("warning: {warning}"));
    }
}
