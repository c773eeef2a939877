//! Instances as they are described.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::filters::{Filters, Table};
use super::network;
use super::pages::Page;
use super::security_groups::Group;
use super::tags::{self, TagItem};
use super::{Answer, Call, is_id, time};
use crate::fault::Fault;
use crate::state::{ACCOUNT, Instance, InstanceState, State};
use crate::wire::xml::Items;

/// How long a terminated instance is still shown.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    reservation_set: Items<Reservation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// The call of `RunInstances` that made an instance.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reservation {
    reservation_id: String,
    owner_id: &'static str,
    group_set: Items<Group>,
    instances_set: Items<InstanceItem>,
}

impl Reservation {
    pub(super) fn of(item: InstanceItem) -> Self {
        Self {
            reservation_id: format!("r-{}", item.instance_id.trim_start_matches("i-")),
            owner_id: ACCOUNT,
            group_set: Items::from_iter([]),
            instances_set: [item].into_iter().collect(),
        }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceItem {
    instance_id: String,
    image_id: String,
    instance_state: StateItem,
    private_dns_name: String,
    dns_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_name: Option<String>,
    ami_launch_index: u32,
    instance_type: String,
    launch_time: String,
    placement: Placement,
    monitoring: Monitoring,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<Ipv4Addr>,
    group_set: Items<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<StateReason>,
    architecture: &'static str,
    root_device_type: &'static str,
    root_device_name: String,
    block_device_mapping: Items<BlockDevice>,
    virtualization_type: &'static str,
    client_token: String,
    tag_set: Items<TagItem>,
    hypervisor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iam_instance_profile: Option<Profile>,
    ebs_optimized: bool,
    ena_support: bool,
    metadata_options: MetadataOptions,
}

/// A state's number and name.
#[derive(Clone, Serialize)]
pub(super) struct StateItem {
    code: u16,
    pub(super) name: &'static str,
}

impl From<InstanceState> for StateItem {
    fn from(state: InstanceState) -> Self {
        let (code, name) = state.code_and_name();
        Self { code, name }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    availability_zone: String,
    group_name: &'static str,
    tenancy: &'static str,
}

#[derive(Clone, Serialize)]
struct Monitoring {
    state: &'static str,
}

#[derive(Clone, Serialize)]
struct StateReason {
    code: String,
    message: String,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockDevice {
    device_name: String,
    ebs: Ebs,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ebs {
    volume_id: String,
    status: &'static str,
    attach_time: String,
    delete_on_termination: bool,
}

#[derive(Clone, Serialize)]
struct Profile {
    arn: String,
    id: &'static str,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct MetadataOptions {
    state: &'static str,
    http_tokens: &'static str,
    http_put_response_hop_limit: u8,
    http_endpoint: &'static str,
    instance_metadata_tags: &'static str,
}

impl InstanceItem {
    pub(super) fn of(state: &State, instance: &Instance, zone: &str) -> Self {
        let is_there = instance.state != InstanceState::Terminated;
        let root_device =
            state.find_image(&instance.image_id).map_or("/dev/xvda", |image| &image.root_device).to_owned();
        let ebs = Ebs {
            volume_id: instance.volume_id.clone(),
            status: "attached",
            attach_time: time(instance.launched),
            delete_on_termination: true,
        };
        let device = is_there.then(|| BlockDevice { device_name: root_device.clone(), ebs });
        let public = public_address(state, instance);
        Self {
            instance_id: instance.instance_id.clone(),
            image_id: instance.image_id.clone(),
            instance_state: instance.state.into(),
            private_dns_name: if is_there { instance.address.to_string() } else { String::new() },
            dns_name: public.map(|address| address.to_string()).unwrap_or_default(),
            key_name: instance.key_name.clone(),
            ami_launch_index: 0,
            instance_type: instance.instance_type.clone(),
            launch_time: time(instance.launched),
            placement: Placement { availability_zone: zone.to_owned(), group_name: "", tenancy: "default" },
            monitoring: Monitoring { state: "disabled" },
            subnet_id: is_there.then(|| instance.subnet_id.clone()),
            vpc_id: is_there.then_some(network::VPC),
            private_ip_address: is_there.then_some(instance.address),
            ip_address: public,
            group_set: instance.security_groups.iter().map(|id| Group::of(id)).collect(),
            state_reason: reason(instance),
            architecture: "x86_64",
            root_device_type: "ebs",
            root_device_name: root_device,
            block_device_mapping: device.into_iter().collect(),
            virtualization_type: "hvm",
            client_token: instance.client_token.clone().unwrap_or_default(),
            tag_set: tags::items(&instance.tags).into_iter().collect(),
            hypervisor: "xen",
            iam_instance_profile: instance.instance_profile.as_ref().map(|name| profile(name)),
            ebs_optimized: false,
            ena_support: true,
            metadata_options: metadata_options(instance),
        }
    }
}

fn metadata_options(instance: &Instance) -> MetadataOptions {
    MetadataOptions {
        state: "applied",
        http_tokens: "required",
        http_put_response_hop_limit: instance.http_put_response_hop_limit,
        http_endpoint: "enabled",
        instance_metadata_tags: "disabled",
    }
}

fn reason(instance: &Instance) -> Option<StateReason> {
    let reason = instance.state_reason.as_ref();
    reason.map(|(code, message)| StateReason { code: code.clone(), message: message.clone() })
}

fn profile(name: &str) -> Profile {
    Profile { arn: format!("arn:aws:iam::{ACCOUNT}:instance-profile/{name}"), id: "AIPALOCALCLOUDPROFILE" }
}

/// The Elastic IP, or the instance's own address while the instance runs.
pub(super) fn public_address(state: &State, instance: &Instance) -> Option<Ipv4Addr> {
    let is_its = |id: &str| id == instance.instance_id;
    let elastic = state
        .addresses
        .values()
        .find(|address| address.association.as_ref().is_some_and(|association| is_its(&association.instance_id)));
    let is_up = matches!(instance.state, InstanceState::Pending | InstanceState::Running);
    elastic.map(|address| address.public_ip).or_else(|| is_up.then_some(instance.address))
}

const FILTERS: &Table<InstanceItem> = &[
    ("architecture", |instance| vec![instance.architecture.to_owned()]),
    ("availability-zone", |instance| vec![instance.placement.availability_zone.clone()]),
    ("client-token", |instance| vec![instance.client_token.clone()]),
    ("iam-instance-profile.arn", |instance| {
        instance.iam_instance_profile.iter().map(|found| found.arn.clone()).collect()
    }),
    ("image-id", |instance| vec![instance.image_id.clone()]),
    ("instance-id", |instance| vec![instance.instance_id.clone()]),
    ("instance-state-code", |instance| vec![instance.instance_state.code.to_string()]),
    ("instance-state-name", |instance| vec![instance.instance_state.name.to_owned()]),
    ("instance-type", |instance| vec![instance.instance_type.clone()]),
    ("instance.group-id", |instance| {
        instance.group_set.as_slice().iter().map(|group| group.group_id.clone()).collect()
    }),
    ("ip-address", |instance| instance.ip_address.iter().map(ToString::to_string).collect()),
    ("key-name", |instance| instance.key_name.iter().cloned().collect()),
    ("launch-time", |instance| vec![instance.launch_time.clone()]),
    ("private-ip-address", |instance| instance.private_ip_address.iter().map(ToString::to_string).collect()),
    ("subnet-id", |instance| instance.subnet_id.iter().cloned().collect()),
    ("vpc-id", |instance| instance.vpc_id.iter().map(ToString::to_string).collect()),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (filters, page) = (Filters::read(&call.form)?, Page::read(&call.form)?);
    let ids = call.form.list("InstanceId");
    call.form.ignore(&["IncludeManagedResources"]);
    call.ready()?;
    let zone = call.zone();
    let items = call.cloud.store.read(|state| {
        let chosen = chosen(state, &ids)?;
        Ok(chosen.into_iter().map(|instance| InstanceItem::of(state, instance, &zone)).collect())
    })?;
    let (items, next_token) = page.cut(filters.keep(items, FILTERS, |instance| instance.tag_set.as_slice())?);
    call.answer(&Described { reservation_set: items.into_iter().map(Reservation::of).collect(), next_token })
}

/// The instances of these ids, or all. An unknown id is an error.
pub(super) fn chosen<'a>(state: &'a State, ids: &[&str]) -> Result<Vec<&'a Instance>, Fault> {
    let horizon = Timestamp::now() - MEMORY;
    if ids.is_empty() {
        let remembered = |instance: &&Instance| instance.terminated.is_none_or(|ended| ended > horizon);
        return Ok(state.instances.values().filter(remembered).collect());
    }
    ids.iter().map(|id| find(state, id)).collect()
}

/// The instance of that id, or AWS's error.
pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<&'a Instance, Fault> {
    state.instances.get(id).ok_or_else(|| {
        if is_id(id, "i-") {
            Fault::client("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))
        } else {
            Fault::client("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\""))
        }
    })
}
