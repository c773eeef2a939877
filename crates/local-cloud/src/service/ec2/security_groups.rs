//! One security group, which filters nothing: everything is on loopback.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::network::VPC;
use super::{Answer, Call, security_group_rules};
use crate::fault::Fault;
use crate::state::{ACCOUNT, SecurityGroupRule};
use crate::wire::query::Form;
use crate::wire::xml::Items;

pub(super) const DEFAULT_GROUP: &str = "sg-00000000000000000";
pub(super) const DEFAULT_GROUP_NAME: &str = "default";

/// A security group as an instance names it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    pub(super) group_id: String,
    group_name: String,
}

impl Group {
    /// Groups that were named by a caller exist only as their ids.
    pub(super) fn of(id: &str) -> Self {
        let name = if id == DEFAULT_GROUP { DEFAULT_GROUP_NAME } else { id };
        Self { group_id: id.to_owned(), group_name: name.to_owned() }
    }
}

/// The id of the group that a request is about.
pub(super) fn named(form: &Form<'_>) -> Result<&'static str, Fault> {
    match (form.text("GroupId"), form.text("GroupName")) {
        (Some(DEFAULT_GROUP), _) | (None, Some(DEFAULT_GROUP_NAME)) => Ok(DEFAULT_GROUP),
        (Some(other), _) | (None, Some(other)) => Err(not_found(other)),
        (None, None) => {
            Err(Fault::client("MissingParameter", "The request must contain the parameter groupName or groupId"))
        }
    }
}

fn not_found(group: &str) -> Fault {
    Fault::client("InvalidGroup.NotFound", format!("The security group '{group}' does not exist"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    security_group_info: Items<SecurityGroup>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecurityGroup {
    owner_id: &'static str,
    group_id: &'static str,
    group_name: &'static str,
    group_description: &'static str,
    vpc_id: &'static str,
    ip_permissions: Items<Permission>,
    ip_permissions_egress: Items<Permission>,
}

/// The rules of one protocol and one range of ports.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Permission {
    ip_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i32>,
    groups: Items<()>,
    ip_ranges: Items<IpRange>,
    ipv6_ranges: Items<Ipv6Range>,
    prefix_list_ids: Items<()>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct IpRange {
    cidr_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ipv6Range {
    cidr_ipv6: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// EC2 tells rules that differ in their source alone as one permission.
fn permissions(rules: &[SecurityGroupRule]) -> Items<Permission> {
    let key = |rule: &SecurityGroupRule| (rule.protocol.clone(), rule.from_port, rule.to_port);
    let mut keys: Vec<_> = rules.iter().map(key).collect();
    keys.sort();
    keys.dedup();
    let permission = |wanted: (String, i32, i32)| {
        let (v6, v4): (Vec<_>, Vec<_>) =
            rules.iter().filter(|rule| key(rule) == wanted).partition(|rule| rule.source.contains(':'));
        let (ip_protocol, from, to) = wanted;
        let has_ports = ip_protocol != "-1";
        Permission {
            from_port: has_ports.then_some(from),
            to_port: has_ports.then_some(to),
            ip_protocol,
            groups: Items::from_iter([]),
            ip_ranges: v4
                .into_iter()
                .map(|rule| IpRange { cidr_ip: rule.source.clone(), description: rule.description.clone() })
                .collect(),
            ipv6_ranges: v6
                .into_iter()
                .map(|rule| Ipv6Range { cidr_ipv6: rule.source.clone(), description: rule.description.clone() })
                .collect(),
            prefix_list_ids: Items::from_iter([]),
        }
    };
    keys.into_iter().map(permission).collect()
}

const FILTERS: &Table<SecurityGroup> = &[
    ("description", |group| vec![group.group_description.to_owned()]),
    ("group-id", |group| vec![group.group_id.to_owned()]),
    ("group-name", |group| vec![group.group_name.to_owned()]),
    ("owner-id", |group| vec![group.owner_id.to_owned()]),
    ("vpc-id", |group| vec![group.vpc_id.to_owned()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let filters = Filters::read(&call.form)?;
    let (ids, names) = (call.form.list("GroupId"), call.form.list("GroupName"));
    call.form.ignore(&["MaxResults", "NextToken"]);
    call.ready()?;
    let unknown_id = ids.iter().find(|id| **id != DEFAULT_GROUP);
    if let Some(other) = unknown_id.or_else(|| names.iter().find(|name| **name != DEFAULT_GROUP_NAME)) {
        return Err(not_found(other));
    }
    let group = SecurityGroup {
        owner_id: ACCOUNT,
        group_id: DEFAULT_GROUP,
        group_name: DEFAULT_GROUP_NAME,
        group_description: "default VPC security group",
        vpc_id: VPC,
        ip_permissions: permissions(&call.cloud.store.read(security_group_rules::ingress)),
        ip_permissions_egress: permissions(&[security_group_rules::outwards()]),
    };
    let groups = filters.keep(vec![group], FILTERS, |_| &[])?;
    call.answer(&Described { security_group_info: groups.into_iter().collect() })
}
