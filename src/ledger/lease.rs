//! Leading a deployment: its entry is renewed until it ends, and nobody else may have begun a later one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use tokio::task::JoinSet;

use super::{Ending, Ledger, Record};
use crate::error::cloud;

/// Who has not renewed for this long leads no more.
pub(crate) const LENGTH: Duration = Duration::from_mins(1);

/// How often a holder renews.
pub(super) const RENEWAL: Duration = Duration::from_secs(15);

/// A deployment under way that is ours.
#[derive(Debug)]
pub struct Lease {
    ledger: Ledger,
    /// One write at a time: a renewal must not undo a change.
    record: Arc<tokio::sync::Mutex<Record>>,
    renewed: Arc<Mutex<Renewed>>,
    /// Dropped with the lease, and ends then.
    _renewals: JoinSet<()>,
}

/// By both clocks: the first stands still while a machine sleeps, the second can be set.
#[derive(Debug, Clone, Copy)]
struct Renewed {
    at: Instant,
    time: SystemTime,
}

impl Lease {
    /// Begins the deployment after number `last`; `None` where somebody else was faster.
    pub async fn begin(ledger: &Ledger, mut record: Record, last: u32) -> Result<Option<Self>> {
        record.number = last + 1;
        let renewed = Arc::new(Mutex::new(Renewed::now()));
        if !ledger.create(&record).await? {
            return Ok(None);
        }
        let record = Arc::new(tokio::sync::Mutex::new(record));
        let mut renewals = JoinSet::new();
        renewals.spawn(renew(ledger.clone(), Arc::clone(&record), Arc::clone(&renewed)));
        Ok(Some(Self { ledger: ledger.clone(), record, renewed, _renewals: renewals }))
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub async fn record(&self) -> Record {
        self.record.lock().await.clone()
    }

    /// Fails where somebody may have taken over: asked before every call that others must not make at the same time.
    pub async fn confirm(&self) -> Result<()> {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed.age() < LENGTH / 2 {
            return Ok(());
        }
        renew_once(&self.ledger, &*self.record.lock().await, &self.renewed).await
    }

    /// Ends the deployment, and with it the lock.
    pub async fn end(&self, ending: Ending, problem: Option<&str>, instance_id: Option<&str>) -> Result<Record> {
        let mut record = self.record.lock().await;
        if let (Some(task), Some(id)) = (&mut record.task, instance_id) {
            task.to.instance_id = Some(id.to_owned());
        }
        record.end(ending, problem);
        self.ledger.write(&record).await?;
        Ok(record.clone())
    }
}

async fn renew(ledger: Ledger, record: Arc<tokio::sync::Mutex<Record>>, renewed: Arc<Mutex<Renewed>>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let record = record.lock().await;
        if !record.is_under_way() {
            return;
        }
        // What fails now is tried again; who needs the lease asks `confirm`.
        if let Err(error) = renew_once(&ledger, &record, &renewed).await {
            tracing::warn!("a deployment was not renewed: {error:#}");
        }
    }
}

async fn renew_once(ledger: &Ledger, record: &Record, renewed: &Mutex<Renewed>) -> Result<()> {
    let begun = Renewed::now();
    if let Some(later) = ledger.get(record.number + 1).await? {
        let (number, by) = (record.number, &later.record.by);
        return Err(cloud(format!("deployment {number} was taken over by {by}: it had not been renewed in time"))
            .hint("`veris history` tells what became of it; run the command again when nothing is under way")
            .into());
    }
    ledger.write(record).await?;
    *renewed.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    Ok(())
}

impl Renewed {
    fn now() -> Self {
        Self { at: Instant::now(), time: SystemTime::now() }
    }

    /// A clock that was set back counts as a lease that is over.
    fn age(self) -> Duration {
        self.at.elapsed().max(self.time.elapsed().unwrap_or(Duration::MAX))
    }
}
