//! Whether whoever the credentials belong to may do what `veris setup` has in the operators' policy.
//!
//! IAM itself is asked (`iam:SimulatePrincipalPolicy`), statement by statement: with the resources and the tags that the policy is about. It
//! knows what boundaries and the organisation's policies take away. Who may not ask is told by dry runs of EC2 what it would refuse.

mod answer;
mod dry_runs;

use std::collections::BTreeMap;

use anyhow::Result;

use self::answer::{Decision, Said};
use crate::aws;
use crate::context::Context;
use crate::error::{Failure, cloud, user};
use crate::setup::{self, Account, Statement};

/// More than these are not named one by one.
const NAMED: usize = 12;

pub(super) async fn check(context: &Context) -> Result<String> {
    let identity = context.clients.sts.get_caller_identity().send().await;
    let identity = identity.map_err(|error| aws::describe("ask who the credentials belong to", &error))?;
    let (Some(arn), Some(account)) = (identity.arn(), identity.account()) else {
        return Err(cloud("STS did not say who the credentials belong to").into());
    };
    let Some(principals) = principals(arn) else {
        return Ok(format!("{arn} is not judged by policies of its own"));
    };
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    let place = Account { partition, region: context.environment.region.clone(), id: account.to_owned() };
    let statements = setup::statements(&context.recipe, &context.environment, &place)?;
    let mut simulated = Simulated::default();
    for statement in statements.iter().filter(|statement| !statement.depends_on_caller()) {
        match simulate(context, &principals, statement).await? {
            Said::Decided(decisions) => simulated.note(decisions),
            Said::Denied(why) => return dry_runs::check(context, &why).await,
            Said::Nothing(why) => return Ok(format!("not known: IAM did not simulate them ({why})")),
        }
    }
    Ok(simulated.judge(arn, &context.environment.name.to_string())?)
}

/// The ARNs that IAM may know a principal by; `None` for the account itself. STS leaves out the path of a role, and those of IAM Identity
/// Center have one.
fn principals(arn: &str) -> Option<Vec<String>> {
    let mut parts = arn.splitn(6, ':');
    let (partition, account, name) = (parts.nth(1)?, parts.nth(2)?, parts.next()?);
    let Some(role) = name.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next()) else {
        return name.starts_with("user/").then(|| vec![arn.to_owned()]);
    };
    let of = |path: &str| format!("arn:{partition}:iam::{account}:role/{path}{role}");
    if role.starts_with("AWSReservedSSO_") {
        return Some(vec![of("aws-reserved/sso.amazonaws.com/"), of("")]);
    }
    Some(vec![of("")])
}

async fn simulate(context: &Context, principals: &[String], statement: &Statement) -> Result<Said, Failure> {
    let mut said = Said::Nothing("no such principal".to_owned());
    for principal in principals {
        said = answer::read(&context.clients.signed.iam(&request(principal, statement)).await?);
        if !matches!(&said, Said::Nothing(why) if why.starts_with("NoSuchEntity")) {
            break;
        }
    }
    Ok(said)
}

fn request(principal: &str, statement: &Statement) -> Vec<(String, String)> {
    let mut fields = vec![
        ("Action".to_owned(), "SimulatePrincipalPolicy".to_owned()),
        ("Version".to_owned(), "2010-05-08".to_owned()),
        ("PolicySourceArn".to_owned(), principal.to_owned()),
    ];
    for (number, action) in (1..).zip(&statement.actions) {
        fields.push((format!("ActionNames.member.{number}"), action.clone()));
    }
    for (number, resource) in (1..).zip(&statement.resources) {
        fields.push((format!("ResourceArns.member.{number}"), resource.clone()));
    }
    for (number, (key, value)) in (1..).zip(&statement.conditions) {
        let prefix = format!("ContextEntries.member.{number}");
        fields.push((format!("{prefix}.ContextKeyName"), key.clone()));
        fields.push((format!("{prefix}.ContextKeyType"), "string".to_owned()));
        fields.push((format!("{prefix}.ContextKeyValues.member.1"), value.clone()));
    }
    fields
}

/// What has been decided of all actions.
#[derive(Default)]
struct Simulated {
    allowed: usize,
    /// What is denied, by whom it is.
    denied: BTreeMap<&'static str, Vec<String>>,
}

impl Simulated {
    fn note(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            let Some(who) = decision.denier() else {
                self.allowed += 1;
                continue;
            };
            let denied = self.denied.entry(who).or_default();
            if !denied.contains(&decision.action) {
                denied.push(decision.action);
            }
        }
    }

    fn judge(self, arn: &str, environment: &str) -> Result<String, Failure> {
        if self.denied.is_empty() {
            return Ok(format!("all {} of the operators' policy are allowed, as IAM simulates them", self.allowed));
        }
        let told = self.denied.iter().map(|(who, actions)| {
            let more = actions.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named: Vec<&str> = actions.iter().take(NAMED).map(String::as_str).collect();
            format!("{who}: {}{more}", named.join(", "))
        });
        let failure = user(format!(
            "{arn} may not do all that the tool does; denied by {}",
            told.collect::<Vec<_>>().join("; by ")
        ));
        let is_ours = self.denied.keys().any(|who| *who == answer::NOBODY || *who == answer::POLICY);
        let hint = if is_ours {
            format!("attach the operators' policy of `veris setup -e {environment}` to the role or the permission set")
        } else {
            "no policy of the account can allow it: ask who administers the organisation or the boundary".to_owned()
        };
        Err(failure.hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_asked_for_by_the_name_that_iam_has_for_it() {
        let of = |arn| principals(arn).unwrap_or_default().join(" ");
        assert_eq!(of("arn:aws:iam::000000000000:user/local"), "arn:aws:iam::000000000000:user/local");
        assert_eq!(of("arn:aws:sts::1:assumed-role/ops/ada"), "arn:aws:iam::1:role/ops");
        assert_eq!(
            of("arn:aws:sts::1:assumed-role/AWSReservedSSO_ops_1/ada"),
            "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_ops_1 arn:aws:iam::1:role/AWSReservedSSO_ops_1"
        );
        assert_eq!(principals("arn:aws:iam::1:root"), None);
    }

    #[test]
    fn what_is_denied_is_told_with_who_denies_it_and_whether_a_policy_helps() {
        let decision = |action: &str, decision: &str, organisation: Option<bool>| Decision {
            action: action.to_owned(),
            verdict: decision.to_owned(),
            organisation,
            boundary: None,
        };
        let judged = |decisions| {
            let mut simulated = Simulated::default();
            simulated.note(decisions);
            simulated
                .judge("arn:aws:iam::1:user/ada", "prod")
                .map_err(|failure| crate::error::Report::new(&failure.into()).to_string())
        };
        let allowed = decision("ec2:RunInstances", "allowed", Some(true));
        assert!(judged(vec![allowed.clone()]).unwrap().starts_with("all 1 of the operators' policy"));
        insta::assert_snapshot!(judged(vec![
            allowed,
            decision("s3:PutObject", "implicitDeny", Some(true)),
            decision("ec2:StopInstances", "explicitDeny", Some(false)),
        ])
        .unwrap_err(), @"
        error: arn:aws:iam::1:user/ada may not do all that the tool does; denied by an organisation's policy: ec2:StopInstances; by nobody's permission: s3:PutObject

        hint: attach the operators' policy of `veris setup -e prod` to the role or the permission set
        ");
    }
}
