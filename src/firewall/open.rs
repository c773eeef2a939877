//! Opens ports for a block of addresses, whatever of it is open already.

use std::collections::BTreeSet;

use anyhow::Result;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, SecurityGroupRuleDescription};
use serde::Serialize;

use super::{Block, Found, Mark, Rule, look};
use crate::aws;
use crate::context::Context;
use crate::error::cloud;

/// The port on which an operator logs in to look for what is wrong.
pub const SSH: u16 = 22;

/// Looks that are worth it: each time somebody else opened the same meanwhile.
const ATTEMPTS: u32 = 3;

/// A port, and what was done so that it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    pub port: u16,
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Opened,
    /// It was open, with another end.
    Renewed,
    /// It was open in the same way.
    AsBefore,
    /// Somebody else opened it. Such a rule is left alone, so that it has no end.
    ByOthers,
}

/// Opens the ports that an operator needs.
pub async fn open(context: &Context, group: &str, block: Block, mark: &Mark) -> Result<Vec<Opened>> {
    let ports = BTreeSet::from([SSH, context.recipe.port]);
    for _ in 0..ATTEMPTS {
        let found = look(context, &[group.to_owned()]).await?;
        let opened: Vec<Opened> = ports.iter().map(|port| decide(&found, *port, block, mark)).collect();
        renew(context, group, &found, (block, mark), &opened).await?;
        let missing = opened.iter().filter(|port| port.change == Change::Opened).map(|port| port.port);
        if authorize(context, group, block, mark, missing).await? {
            return Ok(opened);
        }
        // EC2 may not show for a moment what made it refuse.
        tokio::time::sleep(context.pace.every).await;
    }
    Err(cloud(format!("others opened the same ports of {group} each time this command wanted to, {ATTEMPTS} times"))
        .hint("`veris allow-ip --list` shows what is open; run the command again")
        .into())
}

fn decide(found: &Found, port: u16, block: Block, mark: &Mark) -> Opened {
    let is_it = |ports: &str, source: &str| ports == port.to_string() && source == block.to_string();
    let ours = found.ours.iter().find(|rule| is_it(&rule.ports, &rule.source));
    let change = match ours {
        Some(rule) if rule.mark.until.is_none() && mark.until.is_none() => Change::AsBefore,
        Some(_) => Change::Renewed,
        None if found.others.iter().any(|rule| is_it(&rule.ports, &rule.source)) => Change::ByOthers,
        None => Change::Opened,
    };
    Opened { port, change }
}

/// Another description for what is open: nobody is shut out meanwhile.
async fn renew(
    context: &Context,
    group: &str,
    found: &Found,
    (block, mark): (Block, &Mark),
    opened: &[Opened],
) -> Result<()> {
    let is_renewed = |port: &str| opened.iter().any(|it| it.change == Change::Renewed && it.port.to_string() == port);
    let is_meant = |rule: &&Rule| rule.source == block.to_string() && is_renewed(&rule.ports);
    for rule in found.ours.iter().filter(is_meant) {
        let text = mark.to_string();
        let description =
            SecurityGroupRuleDescription::builder().security_group_rule_id(&rule.rule_id).description(text).build();
        let call = context.clients.ec2.update_security_group_rule_descriptions_ingress().group_id(group);
        let call = call.security_group_rule_descriptions(description).send().await;
        call.map_err(|error| aws::describe(&format!("renew {rule} of {group}"), &error))?;
    }
    Ok(())
}

/// Whether all of them were added; EC2 adds none where one is there already.
async fn authorize(
    context: &Context,
    group: &str,
    block: Block,
    mark: &Mark,
    ports: impl Iterator<Item = u16>,
) -> Result<bool> {
    let permissions: Vec<IpPermission> = ports.map(|port| permission(port, block, mark)).collect();
    if permissions.is_empty() {
        return Ok(true);
    }
    let call = context.clients.ec2.authorize_security_group_ingress().group_id(group);
    match call.set_ip_permissions(Some(permissions)).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("InvalidPermission.Duplicate") => Ok(false),
        Err(error) => {
            let failure = aws::describe(&format!("open {group} for {block}"), &error);
            Err(match error.code() {
                Some("RulesPerSecurityGroupLimitExceeded") => {
                    failure.hint("close what nobody needs: `veris allow-ip --list` shows it, `--revoke` closes it")
                }
                _ => failure,
            }
            .into())
        }
    }
}

fn permission(port: u16, block: Block, mark: &Mark) -> IpPermission {
    let (port, source, description) = (i32::from(port), block.to_string(), mark.to_string());
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    if block.is_v6() {
        let range = Ipv6Range::builder().cidr_ipv6(source).description(description).build();
        return permission.ipv6_ranges(range).build();
    }
    permission.ip_ranges(IpRange::builder().cidr_ip(source).description(description).build()).build()
}
