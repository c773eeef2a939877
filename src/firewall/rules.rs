//! The rules that are there, and the end of one.

use std::fmt;

use anyhow::Result;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types::{Filter, SecurityGroupRule};
use jiff::Timestamp;
use serde::Serialize;

use super::{Mark, SSH};
use crate::aws::{self, Clients};
use crate::context::Context;

/// A rule of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    pub rule_id: String,
    pub group_id: String,
    pub ports: String,
    /// A block of addresses.
    pub source: String,
    #[serde(flatten)]
    pub mark: Mark,
}

/// A rule that somebody else made, and that lets somebody in where we open ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Other {
    pub rule_id: String,
    pub group_id: String,
    pub ports: String,
    /// A block of addresses, a prefix list or another group.
    pub source: String,
    pub description: String,
}

/// What is open.
#[derive(Debug, Default)]
pub struct Found {
    pub ours: Vec<Rule>,
    pub others: Vec<Other>,
}

impl Found {
    /// Rules of ours whose time is over.
    pub(super) fn expired(self) -> Vec<Rule> {
        let now = Timestamp::now();
        self.ours.into_iter().filter(|rule| rule.mark.is_over(now)).collect()
    }
}

/// Everything that these groups let in by rules of ours, or to the ports that we open.
pub async fn look(context: &Context, groups: &[String]) -> Result<Found> {
    let mut found = Found::default();
    // A filter without values is an error.
    if groups.is_empty() {
        return Ok(found);
    }
    let filter = Filter::builder().name("group-id").set_values(Some(groups.to_vec())).build();
    let mut pages = context.clients.ec2.describe_security_group_rules().filters(filter).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| aws::describe(&format!("read the rules of {}", groups.join(", ")), &error))?;
        for rule in page.security_group_rules().iter().filter(|rule| rule.is_egress() != Some(true)) {
            let description = rule.description().unwrap_or_default();
            match description.parse() {
                Ok(mark) => found.ours.extend(ours(rule, mark)),
                Err(_) if [SSH, context.recipe.port].into_iter().any(|port| opens(rule, port)) => {
                    found.others.extend(other(rule, description));
                }
                Err(_) => {}
            }
        }
    }
    found.ours.sort_by(|one, other| (&one.source, &one.ports).cmp(&(&other.source, &other.ports)));
    Ok(found)
}

/// Ends a rule. One that somebody else has ended meanwhile is no error.
pub(super) async fn revoke(clients: &Clients, rule: &Rule) -> Result<()> {
    let (group, id) = (&rule.group_id, &rule.rule_id);
    let call = clients.ec2.revoke_security_group_ingress().group_id(group).security_group_rule_ids(id).send().await;
    match call {
        Err(error) if error.code() == Some("InvalidSecurityGroupRuleId.NotFound") => Ok(()),
        Err(error) => Err(aws::describe(&format!("close {rule} of {group}"), &error).into()),
        Ok(_) => Ok(()),
    }
}

fn ours(rule: &SecurityGroupRule, mark: Mark) -> Option<Rule> {
    let Other { rule_id, group_id, ports, source, .. } = other(rule, "")?;
    Some(Rule { rule_id, group_id, ports, source, mark })
}

fn other(rule: &SecurityGroupRule, description: &str) -> Option<Other> {
    let group = rule.referenced_group_info().and_then(|group| group.group_id());
    let source = rule.cidr_ipv4().or(rule.cidr_ipv6()).or(rule.prefix_list_id()).or(group);
    Some(Other {
        rule_id: rule.security_group_rule_id()?.to_owned(),
        group_id: rule.group_id()?.to_owned(),
        ports: ports(rule),
        source: source?.to_owned(),
        description: description.to_owned(),
    })
}

/// `22`, `8000-8010`, `all`, `all of udp`.
fn ports(rule: &SecurityGroupRule) -> String {
    let protocol = rule.ip_protocol().unwrap_or("-1");
    match (protocol, rule.from_port(), rule.to_port()) {
        ("-1", ..) => "all".to_owned(),
        ("tcp", Some(from), Some(to)) if from == to => from.to_string(),
        ("tcp", Some(from), Some(to)) => format!("{from}-{to}"),
        (other, ..) => format!("all of {other}"),
    }
}

fn opens(rule: &SecurityGroupRule, port: u16) -> bool {
    let port = i32::from(port);
    match rule.ip_protocol() {
        Some("-1") => true,
        Some("tcp" | "6") => {
            rule.from_port().is_none_or(|from| from <= port) && rule.to_port().is_none_or(|to| port <= to)
        }
        _ => false,
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} for {} ({})", self.ports, self.source, self.mark.by)
    }
}
