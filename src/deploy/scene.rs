//! Everything a deployment is decided from, looked at once.

use anyhow::Result;

use crate::addresses::{self, Address};
use crate::context::Context;
use crate::error::{Failure, user};
use crate::images::{self, BakedImage};
use crate::instances::{self, Instance};
use crate::ledger::{Entry, Ledger, Served, last_live};

#[derive(Debug)]
pub struct Scene {
    pub service: String,
    pub environment: String,
    pub entries: Vec<Entry>,
    pub address: Option<Address>,
    pub instances: Vec<Instance>,
    pub images: Vec<BakedImage>,
}

impl Scene {
    /// The ledger is read before the cloud: whoever changes the cloud afterwards has begun a deployment that the ledger did not
    /// have, and then ours cannot begin.
    pub async fn look(context: &Context, ledger: &Ledger) -> Result<Self> {
        let service = context.recipe.service.to_string();
        let entries = ledger.read().await?;
        let (address, instances, images) = tokio::try_join!(
            address(context, last_live(&entries).is_some()),
            instances::list(&context.clients, &service),
            images::find(context)
        )?;
        Ok(Self { service, environment: context.environment.name.to_string(), entries, address, instances, images })
    }

    /// Who is behind the address, as far as EC2 tells.
    pub fn holder(&self) -> Option<&str> {
        self.address.as_ref().and_then(|address| address.holder.as_deref())
    }

    /// The instance behind the address, where it is one of ours.
    pub fn live(&self) -> Option<&Instance> {
        let holder = self.holder()?;
        self.instances.iter().find(|instance| instance.instance_id == holder)
    }

    /// The last number that was given.
    pub fn last_number(&self) -> u32 {
        self.entries.last().map_or(0, |entry| entry.record.number)
    }

    /// Who serves before a deployment. An address that somebody else has moved is left alone, unless `force` says otherwise.
    pub fn from(&self, force: bool) -> Result<Option<Served>, Failure> {
        let Some(holder) = self.holder() else { return Ok(None) };
        let expected = last_live(&self.entries).and_then(|record| record.task.as_ref()?.to.instance_id.as_deref());
        let live = self.live();
        let is_ours = match expected {
            Some(expected) => expected == holder,
            // Whoever was launched before there was a ledger.
            None => live.is_some(),
        };
        if is_ours || force {
            let version = live.map(|live| live.version.clone());
            return Ok(Some(Served { instance_id: holder.to_owned(), version }));
        }
        let ip = self.address.as_ref().map(|address| address.ip.to_string()).unwrap_or_default();
        let message = match expected {
            Some(expected) => format!(
                "instance {holder} is behind the address {ip}, and not {expected}, which the last deployment put there: somebody \
                 moved it by hand"
            ),
            None => format!("instance {holder} is behind the address {ip}, and this tool did not launch it"),
        };
        Err(user(message).hint("to take the address over from it, add `--force`; the instance itself is not touched"))
    }

    /// The tag of instances that deployment `number` creates.
    pub fn tag(environment: &str, number: u32) -> String {
        format!("{environment}/{number}")
    }
}

/// An address that is seen free although somebody was put behind it is looked at again: EC2 may show for a while what was before.
async fn address(context: &Context, is_held: bool) -> Result<Option<Address>> {
    const LOOKS: u32 = 3;
    let mut found = addresses::find(context).await?;
    for _ in 1..LOOKS {
        if !is_held || found.as_ref().is_some_and(|address| address.holder.is_some()) {
            break;
        }
        tokio::time::sleep(context.pace.every).await;
        found = addresses::find(context).await?;
    }
    Ok(found)
}
