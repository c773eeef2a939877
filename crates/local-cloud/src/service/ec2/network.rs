//! One default VPC with one subnet: everything is on loopback.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::{Answer, Call};
use crate::fault::Fault;
use crate::state::{ACCOUNT, SUBNET};
use crate::wire::xml::Items;

pub(super) const VPC: &str = "vpc-00000000000000000";
pub(super) const CIDR: &str = "127.0.0.0/8";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyPairs {
    key_set: Items<()>,
}

/// There are no key pairs: nobody logs in to an immutable image.
pub(super) fn describe_key_pairs(call: &Call<'_>) -> Answer {
    let names = call.form.list("KeyName");
    call.form.list("KeyPairId");
    call.form.ignore(&["IncludePublicKey"]);
    Filters::read(&call.form)?;
    call.ready()?;
    if let Some(name) = names.first() {
        return Err(Fault::client("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist")));
    }
    call.answer(&KeyPairs { key_set: Items::from_iter([]) })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Vpcs {
    vpc_set: Items<Vpc>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Vpc {
    vpc_id: &'static str,
    owner_id: &'static str,
    state: &'static str,
    cidr_block: &'static str,
    instance_tenancy: &'static str,
    is_default: bool,
}

const VPC_FILTERS: &Table<Vpc> = &[
    ("cidr", |vpc| vec![vpc.cidr_block.to_owned()]),
    ("is-default", |vpc| vec![vpc.is_default.to_string()]),
    ("isDefault", |vpc| vec![vpc.is_default.to_string()]),
    ("owner-id", |vpc| vec![vpc.owner_id.to_owned()]),
    ("state", |vpc| vec![vpc.state.to_owned()]),
    ("vpc-id", |vpc| vec![vpc.vpc_id.to_owned()]),
];

pub(super) fn describe_vpcs(call: &Call<'_>) -> Answer {
    let (filters, ids) = (Filters::read(&call.form)?, call.form.list("VpcId"));
    call.form.ignore(&["MaxResults", "NextToken"]);
    call.ready()?;
    if let Some(other) = ids.iter().find(|id| **id != VPC) {
        return Err(Fault::client("InvalidVpcID.NotFound", format!("The vpc ID '{other}' does not exist")));
    }
    let vpc = Vpc {
        vpc_id: VPC,
        owner_id: ACCOUNT,
        state: "available",
        cidr_block: CIDR,
        instance_tenancy: "default",
        is_default: true,
    };
    let vpcs = filters.keep(vec![vpc], VPC_FILTERS, |_| &[])?;
    call.answer(&Vpcs { vpc_set: vpcs.into_iter().collect() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subnets {
    subnet_set: Items<Subnet>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subnet {
    subnet_id: &'static str,
    owner_id: &'static str,
    state: &'static str,
    vpc_id: &'static str,
    cidr_block: &'static str,
    availability_zone: String,
    default_for_az: bool,
    map_public_ip_on_launch: bool,
}

const SUBNET_FILTERS: &Table<Subnet> = &[
    ("availability-zone", |subnet| vec![subnet.availability_zone.clone()]),
    ("default-for-az", |subnet| vec![subnet.default_for_az.to_string()]),
    ("owner-id", |subnet| vec![subnet.owner_id.to_owned()]),
    ("state", |subnet| vec![subnet.state.to_owned()]),
    ("subnet-id", |subnet| vec![subnet.subnet_id.to_owned()]),
    ("vpc-id", |subnet| vec![subnet.vpc_id.to_owned()]),
];

pub(super) fn describe_subnets(call: &Call<'_>) -> Answer {
    let (filters, ids) = (Filters::read(&call.form)?, call.form.list("SubnetId"));
    call.form.ignore(&["MaxResults", "NextToken"]);
    call.ready()?;
    if let Some(other) = ids.iter().find(|id| **id != SUBNET) {
        return Err(Fault::client("InvalidSubnetID.NotFound", format!("The subnet ID '{other}' does not exist")));
    }
    let subnet = Subnet {
        subnet_id: SUBNET,
        owner_id: ACCOUNT,
        state: "available",
        vpc_id: VPC,
        cidr_block: CIDR,
        availability_zone: call.zone(),
        default_for_az: true,
        map_public_ip_on_launch: true,
    };
    let subnets = filters.keep(vec![subnet], SUBNET_FILTERS, |_| &[])?;
    call.answer(&Subnets { subnet_set: subnets.into_iter().collect() })
}
