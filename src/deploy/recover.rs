//! What somebody left half-done: finished where the address has moved and the new instance answers, taken back otherwise.

use std::time::Duration;

use anyhow::Result;

use super::Options;
use super::drive::{Deployment, end_left};
use super::next::{Course, Run};
use crate::context::Context;
use crate::instances;
use crate::ledger::{Ending, Entry, Holder, Kind, Lease, Ledger, Record, settle};

/// What served a moment ago answers at once, or is broken.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Whether there was something, so that everything must be looked at again. An error tells who still leads it.
pub(super) async fn open(context: &Context, ledger: &Ledger, entries: &[Entry], holder: &Holder) -> Result<bool> {
    let Some(newest) = entries.last().filter(|entry| entry.record.is_under_way()) else { return Ok(false) };
    settle(context, ledger, newest).await?;
    if ledger.has_ended(newest.record.number).await? {
        return Ok(true);
    }
    let record = Record::begin(Kind::Recovery, holder.clone(), None, None);
    let Some(lease) = Lease::begin(ledger, record, newest.record.number).await? else { return Ok(true) };
    let shield = context.interrupt.shield();
    // What lies before an entry that has ended has ended as well, whatever a late renewal wrote into it. So that this stays true
    // wherever a recovery is cut off, the oldest one is ended first.
    let left = entries.iter().rposition(|entry| !entry.record.is_under_way()).map_or(0, |ended| ended + 1);
    for entry in &entries[left..] {
        let (number, by, kind) = (entry.record.number, &entry.record.by, entry.record.kind);
        let options = Options { kind, reason: None, timeout: TIMEOUT, soak: Duration::ZERO, chat: false };
        context.printer.talk(format_args!("Deployment {number} was left half-done by {by}."));
        let mut record = entry.record.clone();
        let (ending, problem) = match record.task.clone() {
            None => (Ending::Done, None),
            Some(task) => {
                let mut left = Deployment::of(context, &lease, &options, (number, task), Run::new(Course::Recover));
                left.look().await?;
                let ended = left.drive(&shield).await?;
                if let Some(task) = &mut record.task {
                    task.to.instance_id = left.new_id.take();
                }
                ended
            }
        };
        let problem = problem.map(|problem| format!(": {problem:#}")).unwrap_or_default();
        let by = lease.record().await.number;
        end_left(&lease, record, ending, &format!("left half-done; ended by deployment {by}{problem}")).await?;
    }
    let (entries, all) =
        tokio::try_join!(ledger.read(), instances::list(&context.clients, context.recipe.service.as_str()))?;
    sweep(context, &entries, &all).await?;
    lease.end(Ending::Done, None, None).await?;
    Ok(true)
}

/// Terminates instances that were created for a deployment which was taken back before EC2 showed them.
pub(super) async fn sweep(context: &Context, entries: &[Entry], all: &[instances::Instance]) -> Result<()> {
    let environment = context.environment.name.as_str();
    let undone = |instance: &&instances::Instance| {
        entries.iter().any(|entry| {
            entry.record.ended_as(Ending::Undone)
                && instance.deployment.as_deref() == Some(&super::Scene::tag(environment, entry.record.number))
                && instance.promoted_at.is_none()
        })
    };
    for stray in all.iter().filter(undone) {
        let mut stage = context.printer.stage(format!("Terminate {}, left by an earlier launch", stray.instance_id));
        instances::terminate(&context.clients, &stray.instance_id, &mut stage).await?;
        stage.done("");
    }
    Ok(())
}
