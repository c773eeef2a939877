//! The instances of a service, found by their tags. Others are never touched.

mod attempt;
mod choose;
mod console;
mod kind;
mod read;
mod run;
mod state;

use std::fmt;
use std::net::Ipv4Addr;

use anyhow::Result;
use aws_sdk_ec2::types::{Filter, GroupIdentifier, Instance as Ec2Instance, InstanceAttributeName, Reservation};
use jiff::Timestamp;
use semver::Version;
use serde::Serialize;

pub use self::choose::{Chosen, choose};
pub use self::console::{console, last_lines, plain};
pub use self::kind::{Kind, change_kind, kinds, may_change_kind};
pub use self::read::state_of;
pub use self::run::{dry_run, run};
pub use self::state::{refuse_impaired, start, stop, terminate, wait_until_running, wait_until_stopped};
use crate::aws::{self, Clients};
use crate::error::cloud;
use crate::images::BakedImage;
use crate::tags;
use crate::user_data::UserData;

/// An instance with the tags of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    pub instance_id: String,
    /// Such as `t3.medium`.
    pub instance_type: String,
    pub state: State,
    /// Why it is in this state, such as `Client.UserInitiatedShutdown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    pub public_ip: Option<Ipv4Addr>,
    pub service: String,
    pub version: Version,
    pub digest: String,
    pub commit: String,
    pub image_id: String,
    pub launched: Option<Timestamp>,
    /// See [`tags::DEPLOYMENT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// See [`tags::PROMOTED_AT`].
    pub promoted_at: Option<Timestamp>,
    /// See [`tags::ROLLED_BACK_AT`].
    pub rolled_back_at: Option<Timestamp>,
}

/// EC2's state of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        })
    }
}

impl Instance {
    /// The image it was launched from, as far as its tags tell: what `/version` must answer.
    pub fn image(&self) -> BakedImage {
        BakedImage {
            service: self.service.clone(),
            version: self.version.clone(),
            image_id: self.image_id.clone(),
            digest: self.digest.clone(),
            commit: self.commit.clone(),
            created: None,
            state: String::new(),
        }
    }

    /// Whether it still exists for the user: a terminated instance is listed for another hour.
    pub fn exists(&self) -> bool {
        self.state.exists()
    }
}

impl State {
    /// Whether the instance still exists for the user.
    pub fn exists(self) -> bool {
        !matches!(self, Self::ShuttingDown | Self::Terminated)
    }

    /// Whether the machine is paid for, and not its volume alone.
    pub fn is_billed(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// Every instance of `service` that exists, oldest first.
pub async fn list(clients: &Clients, service: &str) -> Result<Vec<Instance>> {
    Ok(listed(&tagged(clients, service).await?))
}

/// Those of them that were launched and exist, oldest first.
pub fn listed(tagged: &[Ec2Instance]) -> Vec<Instance> {
    let mut instances: Vec<Instance> = tagged.iter().filter_map(read::instance).filter(Instance::exists).collect();
    instances.sort_by_key(|instance| instance.launched);
    instances
}

/// Whether it was launched by this tool and exists.
pub fn is_launched(instance: &Ec2Instance) -> bool {
    read::instance(instance).is_some_and(|instance| instance.exists())
}

/// Whatever has the tag of the service: what was launched, and what bakes have made to be kept.
pub async fn tagged(clients: &Clients, service: &str) -> Result<Vec<Ec2Instance>> {
    let filter = Filter::builder().name(format!("tag:{}", tags::SERVICE)).values(service).build();
    let mut pages = clients.ec2.describe_instances().filters(filter).into_paginator().send();
    let mut instances = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| aws::describe(&format!("list the instances of {service}"), &error))?;
        let reservations = page.reservations.unwrap_or_default();
        instances.extend(reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()));
    }
    Ok(instances)
}

/// One instance; `None` while EC2 does not know it yet, or where its tags are not ours.
pub async fn get(clients: &Clients, instance_id: &str) -> Result<Option<Instance>> {
    Ok(look(clients, instance_id).await?.as_ref().and_then(read::instance))
}

/// One instance, whoever made it; `None` while EC2 does not know it yet.
pub async fn look(clients: &Clients, instance_id: &str) -> Result<Option<Ec2Instance>> {
    let answer = clients.ec2.describe_instances().instance_ids(instance_id).send().await;
    match answer {
        Ok(answer) => {
            let reservations = answer.reservations.unwrap_or_default();
            Ok(reservations.into_iter().find_map(|reservation| reservation.instances?.into_iter().next()))
        }
        Err(error) if error.as_service_error().is_some_and(is_unknown) => Ok(None),
        Err(error) => Err(aws::describe(&format!("look at instance {instance_id}"), &error).into()),
    }
}

/// The ids of an instance's security groups.
pub async fn security_groups(clients: &Clients, instance_id: &str) -> Result<Vec<String>> {
    let answer = clients.ec2.describe_instances().instance_ids(instance_id).send().await;
    let answer = answer.map_err(|error| aws::describe(&format!("look at instance {instance_id}"), &error))?;
    let instances = answer.reservations().iter().flat_map(Reservation::instances);
    let groups =
        instances.flat_map(aws_sdk_ec2::types::Instance::security_groups).filter_map(GroupIdentifier::group_id);
    Ok(groups.map(ToOwned::to_owned).collect())
}

/// The user data an instance was launched with.
pub async fn user_data(clients: &Clients, instance_id: &str) -> Result<UserData> {
    let attempted = format!("read the user data of instance {instance_id}");
    let answer = clients
        .ec2
        .describe_instance_attribute()
        .instance_id(instance_id)
        .attribute(InstanceAttributeName::UserData)
        .send()
        .await
        .map_err(|error| aws::describe(&attempted, &error))?;
    let encoded = answer.user_data().and_then(|data| data.value());
    let encoded = encoded.ok_or_else(|| cloud(format!("failed to {attempted}: the instance has none")))?;
    Ok(UserData::from_base64(encoded.to_owned()))
}

/// Sets tags of an instance.
pub async fn tag(clients: &Clients, instance_id: &str, key: &str, value: &str) -> Result<()> {
    let tag = aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    let call = clients.ec2.create_tags().resources(instance_id).tags(tag).send().await;
    call.map_err(|error| aws::describe(&format!("tag instance {instance_id} with {key}"), &error))?;
    Ok(())
}

/// Removes a tag of an instance.
pub async fn untag(clients: &Clients, instance_id: &str, key: &str) -> Result<()> {
    let tag = aws_sdk_ec2::types::Tag::builder().key(key).build();
    let call = clients.ec2.delete_tags().resources(instance_id).tags(tag).send().await;
    call.map_err(|error| aws::describe(&format!("remove the tag {key} of instance {instance_id}"), &error))?;
    Ok(())
}

fn is_unknown(error: &impl aws_sdk_ec2::error::ProvideErrorMetadata) -> bool {
    error.code() == Some("InvalidInstanceID.NotFound")
}
