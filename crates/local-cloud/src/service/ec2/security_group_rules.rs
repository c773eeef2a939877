//! The rules of the security group, each with an id. They are kept and described, and filter nothing.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::ip_permissions::{self, IpPermission};
use super::network::CIDR;
use super::pages::Page;
use super::security_groups::{self, DEFAULT_GROUP};
use super::tags::{self, TagItem};
use super::{Answer, Call, is_id};
use crate::fault::Fault;
use crate::ids;
use crate::state::{ACCOUNT, SecurityGroupRule, State, Tags};
use crate::wire::xml::Items;

const INWARDS: &str = "sgr-00000000000000000";
const OUTWARDS: &str = "sgr-00000000000000001";

/// Everything that the group lets in: first what it has from the beginning.
pub(super) fn ingress(state: &State) -> Vec<SecurityGroupRule> {
    [everything(INWARDS)].into_iter().chain(state.security_group_rules.values().cloned()).collect()
}

/// What it lets out.
pub(super) fn outwards() -> SecurityGroupRule {
    everything(OUTWARDS)
}

/// The truth about the group: from loopback all is reached.
fn everything(rule_id: &str) -> SecurityGroupRule {
    SecurityGroupRule {
        rule_id: rule_id.to_owned(),
        group_id: DEFAULT_GROUP.to_owned(),
        protocol: "-1".to_owned(),
        from_port: -1,
        to_port: -1,
        source: CIDR.to_owned(),
        description: None,
        tags: Tags::new(),
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleItem {
    security_group_rule_id: String,
    group_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_owner_id: Option<&'static str>,
    is_egress: bool,
    ip_protocol: String,
    from_port: i32,
    to_port: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// `None` where EC2 tells no tags: of rules that are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_set: Option<Items<TagItem>>,
}

impl RuleItem {
    fn of(rule: &SecurityGroupRule) -> Self {
        let is_v6 = rule.source.contains(':');
        Self {
            security_group_rule_id: rule.rule_id.clone(),
            group_id: rule.group_id.clone(),
            group_owner_id: Some(ACCOUNT),
            is_egress: rule.rule_id == OUTWARDS,
            ip_protocol: rule.protocol.clone(),
            from_port: rule.from_port,
            to_port: rule.to_port,
            cidr_ipv4: (!is_v6).then(|| rule.source.clone()),
            cidr_ipv6: is_v6.then(|| rule.source.clone()),
            description: rule.description.clone(),
            tag_set: Some(tags::items(&rule.tags).into_iter().collect()),
        }
    }

    fn gone(rule: &SecurityGroupRule) -> Self {
        Self { group_owner_id: None, tag_set: None, ..Self::of(rule) }
    }
}

const FILTERS: &Table<RuleItem> = &[
    ("group-id", |rule| vec![rule.group_id.clone()]),
    ("security-group-rule-id", |rule| vec![rule.security_group_rule_id.clone()]),
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    security_group_rule_set: Items<RuleItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (filters, page) = (Filters::read(&call.form)?, Page::read(&call.form)?);
    let ids = call.form.list("SecurityGroupRuleId");
    call.ready()?;
    let mut rules = call.cloud.store.read(ingress);
    rules.push(outwards());
    if let Some(id) = ids.iter().find(|id| !rules.iter().any(|rule| rule.rule_id == **id)) {
        return Err(not_found(id));
    }
    let asked = rules.iter().filter(|rule| ids.is_empty() || ids.contains(&rule.rule_id.as_str()));
    let items = asked.map(RuleItem::of).collect();
    let (items, next_token) = page.cut(filters.keep(items, FILTERS, tags_of)?);
    call.answer(&Described { security_group_rule_set: items.into_iter().collect(), next_token })
}

fn tags_of(rule: &RuleItem) -> &[TagItem] {
    rule.tag_set.as_ref().map_or(&[], Items::as_slice)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authorized {
    r#return: bool,
    security_group_rule_set: Items<RuleItem>,
}

/// Adds rules: all that were asked for, or none.
pub(super) fn authorize(call: &Call<'_>) -> Answer {
    let kind = "security-group-rule";
    let group = security_groups::named(&call.form)?;
    let asked = permissions(call)?;
    let tags = tags::specification(&call.form, kind, &[kind])?;
    call.ready()?;
    let added = call.cloud.store.change(|state| {
        let mut added = Vec::new();
        for permission in &asked {
            if ingress(state).iter().any(|there| permission.is_of(there)) {
                let message = format!("the specified rule \"{}\" already exists", permission.peer());
                return Err(Fault::client("InvalidPermission.Duplicate", message));
            }
            let rule = rule(group, permission, &tags);
            state.security_group_rules.insert(rule.rule_id.clone(), rule.clone());
            added.push(rule);
        }
        Ok(added)
    })?;
    call.answer(&Authorized { r#return: true, security_group_rule_set: added.iter().map(RuleItem::of).collect() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revoked {
    r#return: bool,
    unknown_ip_permission_set: Items<()>,
    revoked_security_group_rule_set: Items<RuleItem>,
}

/// Removes rules, named by their ids or by what they let in: all of them, or none.
pub(super) fn revoke(call: &Call<'_>) -> Answer {
    security_groups::named(&call.form)?;
    let ids = call.form.list("SecurityGroupRuleId");
    let asked = if ids.is_empty() { permissions(call)? } else { Vec::new() };
    call.ready()?;
    let revoked = call.cloud.store.change(|state| {
        let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        for permission in &asked {
            let there = ingress(state).into_iter().find(|rule| permission.is_of(rule)).ok_or_else(|| {
                let message = "The specified rule does not exist in this security group.";
                Fault::client("InvalidPermission.NotFound", message)
            })?;
            ids.push(there.rule_id);
        }
        ids.iter().map(|id| remove(state, id)).collect::<Result<Vec<_>, Fault>>()
    })?;
    call.answer(&Revoked {
        r#return: true,
        unknown_ip_permission_set: Items::from_iter([]),
        revoked_security_group_rule_set: revoked.iter().map(RuleItem::gone).collect(),
    })
}

/// Other descriptions for rules that are named by their ids.
pub(super) fn describe_anew(call: &Call<'_>) -> Answer {
    security_groups::named(&call.form)?;
    let mut texts = Vec::new();
    for description in call.form.structures("SecurityGroupRuleDescription") {
        let text = description.text("Description").map(ip_permissions::checked_description).transpose()?;
        texts.push((description.required("SecurityGroupRuleId")?, text));
    }
    if texts.is_empty() {
        let message = "The request must contain the parameter SecurityGroupRuleDescription";
        return Err(Fault::client("MissingParameter", message));
    }
    call.ready()?;
    call.cloud.store.change(|state| {
        for (id, text) in texts {
            state.security_group_rules.get_mut(id).ok_or_else(|| not_found(id))?.description = text;
        }
        Ok(())
    })?;
    call.answer_true()
}

fn permissions(call: &Call<'_>) -> Result<Vec<IpPermission>, Fault> {
    let asked = ip_permissions::read(&call.form)?;
    if asked.is_empty() {
        return Err(Fault::client("MissingParameter", "The request must contain the parameter ipPermissions"));
    }
    Ok(asked)
}

fn rule(group: &str, permission: &IpPermission, tags: &Tags) -> SecurityGroupRule {
    let IpPermission { protocol, from_port, to_port, source, description } = permission.clone();
    let (rule_id, group_id, tags) = (ids::resource("sgr"), group.to_owned(), tags.clone());
    SecurityGroupRule { rule_id, group_id, protocol, from_port, to_port, source, description, tags }
}

fn remove(state: &mut State, id: &str) -> Result<SecurityGroupRule, Fault> {
    if id == INWARDS {
        let message = format!("The rule {id} says what the local cloud does, and stays");
        return Err(Fault::client("UnsupportedOperation", message));
    }
    state.security_group_rules.remove(id).ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> Fault {
    if is_id(id, "sgr-") {
        let message = format!("The security group rule ID '{id}' does not exist");
        return Fault::client("InvalidSecurityGroupRuleId.NotFound", message);
    }
    let message = format!("The security group rule ID '{id}' is malformed");
    Fault::client("InvalidSecurityGroupRuleId.Malformed", message)
}
