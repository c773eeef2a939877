//! Elastic IPs.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::filters::{Filters, Table};
use super::instances::find as find_instance;
use super::tags::{self, TagItem};
use super::{Answer, Call};
use crate::fault::Fault;
use crate::state::{Address, State};
use crate::wire::query::Form;
use crate::wire::xml::Items;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Allocated<'a> {
    public_ip: Ipv4Addr,
    domain: &'static str,
    allocation_id: String,
    public_ipv4_pool: &'static str,
    network_border_group: &'a str,
}

pub(super) async fn allocate(call: &Call<'_>) -> Answer {
    let form = &call.form;
    if let Some(domain) = form.text("Domain").filter(|domain| *domain != "vpc") {
        return Err(Fault::client("InvalidParameterValue", format!("Invalid value '{domain}' for domain.")));
    }
    let tags = tags::specification(form, "elastic-ip", &["elastic-ip"])?;
    call.ready()?;
    let address = call.cloud.compute.allocate_address(tags).await?;
    call.answer(&Allocated {
        public_ip: address.public_ip,
        domain: "vpc",
        allocation_id: address.allocation_id,
        public_ipv4_pool: "amazon",
        network_border_group: call.region,
    })
}

pub(super) fn release(call: &Call<'_>) -> Answer {
    let id = call.cloud.store.read(|state| named(state, &call.form).map(|address| address.allocation_id.clone()))?;
    call.form.ignore(&["NetworkBorderGroup"]);
    call.ready()?;
    call.cloud.store.change(|state| {
        if let Some(address) = state.addresses.get(&id).filter(|address| address.association.is_some()) {
            let message = format!("Address {} is in use.", address.public_ip);
            return Err(Fault::client("InvalidIPAddress.InUse", message));
        }
        state.addresses.remove(&id);
        Ok(())
    })?;
    call.answer_true()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Associated {
    r#return: bool,
    association_id: String,
}

pub(super) async fn associate(call: &Call<'_>) -> Answer {
    let instance_id = call.form.required("InstanceId")?;
    let may_move = call.form.parsed("AllowReassociation")?.unwrap_or(true);
    let address = call.cloud.store.read(|state| {
        find_instance(state, instance_id)?;
        named(state, &call.form).cloned()
    })?;
    call.ready()?;
    if let Some(association) = &address.association {
        if association.instance_id == instance_id {
            return call.answer(&Associated { r#return: true, association_id: association.association_id.clone() });
        }
        if !may_move {
            let (id, holder) = (&address.allocation_id, &association.association_id);
            let message = format!("resource {id} is already associated with associate-id {holder}");
            return Err(Fault::client("Resource.AlreadyAssociated", message));
        }
    }
    let association_id = call.cloud.compute.associate_address(&address.allocation_id, instance_id).await?;
    call.answer(&Associated { r#return: true, association_id })
}

pub(super) async fn disassociate(call: &Call<'_>) -> Answer {
    let form = &call.form;
    let association_id = call.cloud.store.read(|state| match form.text("AssociationId") {
        Some(id) => {
            let mut associations = state.addresses.values().filter_map(|address| address.association.as_ref());
            let found = associations.find(|association| association.association_id == id);
            found.map(|association| Some(association.association_id.clone())).ok_or_else(|| {
                let message = format!("The association ID '{id}' does not exist");
                Fault::client("InvalidAssociationID.NotFound", message)
            })
        }
        None => Ok(named(state, form)?.association.as_ref().map(|association| association.association_id.clone())),
    })?;
    call.ready()?;
    if let Some(id) = association_id {
        call.cloud.compute.disassociate_address(&id).await?;
    }
    call.answer_true()
}

/// The address that `AllocationId` or `PublicIp` names.
fn named<'a>(state: &'a State, form: &Form<'_>) -> Result<&'a Address, Fault> {
    if let Some(id) = form.text("AllocationId") {
        return by_id(state, id);
    }
    by_ip(
        state,
        form.required("PublicIp")
            .map_err(|_| Fault::client("MissingParameter", "Either 'AllocationId' or 'PublicIp' must be specified"))?,
    )
}

fn by_id<'a>(state: &'a State, id: &str) -> Result<&'a Address, Fault> {
    state.addresses.get(id).ok_or_else(|| {
        Fault::client("InvalidAllocationID.NotFound", format!("The allocation ID '{id}' does not exist"))
    })
}

fn by_ip<'a>(state: &'a State, ip: &str) -> Result<&'a Address, Fault> {
    let found = state.addresses.values().find(|address| address.public_ip.to_string() == ip);
    found.ok_or_else(|| Fault::client("InvalidAddress.NotFound", format!("Address '{ip}' not found.")))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    addresses_set: Items<AddressItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressItem {
    public_ip: Ipv4Addr,
    allocation_id: String,
    domain: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    association_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip_address: Option<Ipv4Addr>,
    tag_set: Items<TagItem>,
    public_ipv4_pool: &'static str,
    network_border_group: String,
}

const FILTERS: &Table<AddressItem> = &[
    ("allocation-id", |address| vec![address.allocation_id.clone()]),
    ("association-id", |address| address.association_id.iter().cloned().collect()),
    ("domain", |address| vec![address.domain.to_owned()]),
    ("instance-id", |address| address.instance_id.iter().cloned().collect()),
    ("private-ip-address", |address| address.private_ip_address.iter().map(ToString::to_string).collect()),
    ("public-ip", |address| vec![address.public_ip.to_string()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let filters = Filters::read(&call.form)?;
    let (ids, ips) = (call.form.list("AllocationId"), call.form.list("PublicIp"));
    call.ready()?;
    let items = call.cloud.store.read(|state| {
        ids.iter().try_for_each(|id| by_id(state, id).map(|_| ()))?;
        ips.iter().try_for_each(|ip| by_ip(state, ip).map(|_| ()))?;
        let is_asked = |address: &&Address| {
            let asked_by_ip = ips.iter().any(|ip| address.public_ip.to_string() == *ip);
            (ids.is_empty() && ips.is_empty()) || ids.contains(&address.allocation_id.as_str()) || asked_by_ip
        };
        Ok(state.addresses.values().filter(is_asked).map(|address| item(state, address, call.region)).collect())
    })?;
    let items = filters.keep(items, FILTERS, |address| address.tag_set.as_slice())?;
    call.answer(&Described { addresses_set: items.into_iter().collect() })
}

fn item(state: &State, address: &Address, region: &str) -> AddressItem {
    let association = address.association.as_ref();
    let instance = association.and_then(|association| state.instances.get(&association.instance_id));
    AddressItem {
        public_ip: address.public_ip,
        allocation_id: address.allocation_id.clone(),
        domain: "vpc",
        instance_id: association.map(|association| association.instance_id.clone()),
        association_id: association.map(|association| association.association_id.clone()),
        private_ip_address: instance.map(|instance| instance.address),
        tag_set: tags::items(&address.tags).into_iter().collect(),
        public_ipv4_pool: "amazon",
        network_border_group: region.to_owned(),
    }
}
