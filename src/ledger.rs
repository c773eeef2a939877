//! What was deployed, when, by whom, why and with which outcome: one SSM parameter for each deployment.
//!
//! The newest entry is the lock as well. Parameters are numbered, and Parameter Store creates a name only once, so of several
//! operators who begin deployment 7 exactly one succeeds. An entry without an outcome is under way; its holder renews it.

mod holder;
mod lease;
mod record;
mod watch;

use anyhow::Result;
use aws_sdk_ssm::error::ProvideErrorMetadata as _;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use jiff::Timestamp;

pub use self::holder::{Holder, Process};
pub(crate) use self::lease::LENGTH;
pub use self::lease::Lease;
pub use self::record::{Ending, Keep, Kind, Origin, Outcome, Record, Served, Target, Task};
pub use self::watch::settle;
use crate::aws::{self, Clients};
use crate::context::Context;
use crate::environment::EnvironmentName;
use crate::error::{cloud, user};

/// Entries that are kept. `GetParametersByPath` answers ten at a time, so that reading them all takes five calls.
const KEPT: usize = 50;

/// The ledger of one service in one environment.
#[derive(Debug, Clone)]
pub struct Ledger {
    ssm: aws_sdk_ssm::Client,
    /// `/veris/SERVICE/ENVIRONMENT`
    path: String,
}

/// A deployment as it was last written.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub record: Record,
    /// Changes with each renewal.
    pub revision: i64,
    /// By the cloud's clock.
    pub written: Timestamp,
}

impl Ledger {
    pub fn of(context: &Context) -> Self {
        Self::of_environment(context, &context.clients, &context.environment.name)
    }

    /// The ledger of another environment, where these clients see it.
    pub fn of_environment(context: &Context, clients: &Clients, environment: &EnvironmentName) -> Self {
        Self { ssm: clients.ssm.clone(), path: format!("/veris/{}/{environment}", context.recipe.service) }
    }

    /// Every entry, oldest first.
    pub async fn read(&self) -> Result<Vec<Entry>> {
        let path = format!("{}/deployments", self.path);
        let mut pages = self.ssm.get_parameters_by_path().path(&path).into_paginator().send();
        let mut entries = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| aws::describe(&format!("read the ledger `{path}`"), &error))?;
            for parameter in page.parameters() {
                entries.push(entry(parameter)?);
            }
        }
        entries.sort_by_key(|entry| entry.record.number);
        Ok(entries)
    }

    /// Begins a deployment. `false` where somebody else began one of that number.
    async fn create(&self, record: &Record) -> Result<bool> {
        let name = self.name(record.number);
        let call = self.ssm.put_parameter().name(&name).value(record.to_json()?).r#type(ParameterType::String);
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ParameterAlreadyExists") => {
                // Where an answer was lost, the SDK has asked again: then the entry that exists is ours.
                Ok(self.get(record.number).await?.is_some_and(|entry| entry.record.nonce == record.nonce))
            }
            Err(error) => Err(aws::describe(&format!("begin the deployment `{name}`"), &error).into()),
        }
    }

    async fn write(&self, record: &Record) -> Result<()> {
        let name = self.name(record.number);
        let call = self.ssm.put_parameter().name(&name).value(record.to_json()?).overwrite(true).send().await;
        call.map_err(|error| aws::describe(&format!("write the deployment `{name}`"), &error))?;
        Ok(())
    }

    /// Whether a deployment is known to have ended, asked anew.
    pub async fn has_ended(&self, number: u32) -> Result<bool> {
        Ok(self.get(number).await?.is_some_and(|entry| !entry.record.is_under_way()))
    }

    async fn get(&self, number: u32) -> Result<Option<Entry>> {
        let name = self.name(number);
        match self.ssm.get_parameter().name(&name).send().await {
            Ok(answer) => answer.parameter().map(entry).transpose(),
            Err(error) if error.code() == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(aws::describe(&format!("read the deployment `{name}`"), &error).into()),
        }
    }

    /// Ends a deployment that nobody leads any more.
    pub async fn end(&self, record: &Record) -> Result<()> {
        self.write(record).await
    }

    /// Removes the oldest entries. The newest ones stay, so that a number is never given twice.
    pub async fn trim(&self, entries: &[Entry]) -> Result<()> {
        let superfluous = entries.len().saturating_sub(KEPT);
        for old in &entries[..superfluous] {
            let name = self.name(old.record.number);
            match self.ssm.delete_parameter().name(&name).send().await {
                Ok(_) => {}
                Err(error) if error.code() == Some("ParameterNotFound") => {}
                Err(error) => return Err(aws::describe(&format!("remove the old deployment `{name}`"), &error).into()),
            }
        }
        Ok(())
    }

    /// Names the live image where others can read it: `resolve:ssm:/veris/SERVICE/ENVIRONMENT/live`.
    pub async fn publish(&self, image_id: &str) -> Result<()> {
        let name = format!("{}/live", self.path);
        let attempted = format!("write the parameter `{name}`");
        match self.ssm.get_parameter().name(&name).send().await {
            Ok(answer) if answer.parameter().and_then(Parameter::value) == Some(image_id) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.code() == Some("ParameterNotFound") => {}
            Err(error) => return Err(aws::describe(&attempted, &error).into()),
        }
        let call = self.ssm.put_parameter().name(&name).value(image_id).data_type("aws:ec2:image").overwrite(true);
        let call = call.r#type(ParameterType::String).send().await;
        call.map_err(|error| aws::describe(&attempted, &error))?;
        Ok(())
    }

    fn name(&self, number: u32) -> String {
        format!("{}/deployments/{number:06}", self.path)
    }
}

fn entry(parameter: &Parameter) -> Result<Entry> {
    let name = parameter.name().unwrap_or_default();
    let record: Record = serde_json::from_str(parameter.value().unwrap_or_default()).map_err(|error| {
        cloud(format!("the parameter `{name}` is no deployment"))
            .hint("somebody changed it by hand: `aws ssm get-parameter-history` shows what it was; delete it or write that back")
            .source(error)
    })?;
    if record.form > record::FORM {
        return Err(user(format!("the deployment `{name}` was written by a newer version of this tool"))
            .hint("update this tool: an older one cannot continue what a newer one has begun")
            .into());
    }
    let written = parameter.last_modified_date().and_then(|time| Timestamp::from_second(time.secs()).ok());
    Ok(Entry { record, revision: parameter.version(), written: written.unwrap_or(Timestamp::UNIX_EPOCH) })
}

/// The deployment after which the live instance is behind the address: the last one that ended so.
pub fn last_live(entries: &[Entry]) -> Option<&Record> {
    entries.iter().rev().map(|entry| &entry.record).find(|record| record.ended_as(Ending::Live))
}
