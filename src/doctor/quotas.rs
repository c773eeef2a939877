//! Whether the account's quotas leave room for what a bake and a launch make beside what there is.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_ec2::types::{Filter, Instance, InstanceType};
use serde_json::{Value, json};

use crate::addresses;
use crate::aws;
use crate::context::Context;
use crate::environment::ElasticIp;
use crate::error::{Failure, user};

/// "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", in virtual processors.
const PROCESSORS: &str = "L-1216C47A";
/// "EC2-VPC Elastic IPs".
const ADDRESSES: &str = "L-0263D0A3";

/// The first letters of the families that count.
const STANDARD: &str = "acdhimrtz";

/// What is used of a quota and what more is wanted.
struct Demand {
    code: &'static str,
    what: &'static str,
    used: u32,
    wanted: u32,
}

/// A launch runs the new instance beside the old one, and a bake one of its own.
pub(super) async fn processors(context: &Context) -> Result<String> {
    let environment = &context.environment;
    let running = running(context).await?;
    let wanted = [environment.instance_types.first.as_str(), environment.build.instance_type.as_str()];
    let types = running.iter().filter_map(|instance| instance.instance_type().map(InstanceType::as_str)).chain(wanted);
    let sizes = sizes(context, types.filter(|kind| is_standard(kind))).await?;
    let size = |kind: &str| sizes.get(kind).copied().unwrap_or_default();
    let used = running.iter().filter_map(|instance| Some(size(instance.instance_type()?.as_str()))).sum();
    // They do not run at the same time.
    let wanted = wanted.into_iter().map(size).max().unwrap_or_default();
    check(context, &Demand { code: PROCESSORS, what: "virtual processors of standard instances", used, wanted }).await
}

/// One more than there are, where the first launch allocates it.
pub(super) async fn elastic_ips(context: &Context) -> Result<String> {
    let answer = context.clients.ec2.describe_addresses().send().await;
    let answer = answer.map_err(|error| aws::describe("count the Elastic IPs", &error))?;
    let used = u32::try_from(answer.addresses().len())?;
    let allocates = context.environment.address == ElasticIp::Allocate && addresses::find(context).await?.is_none();
    check(context, &Demand { code: ADDRESSES, what: "Elastic IPs", used, wanted: allocates.into() }).await
}

async fn running(context: &Context) -> Result<Vec<Instance>> {
    let states = Filter::builder().name("instance-state-name").values("running").values("pending").build();
    let pages = context.clients.ec2.describe_instances().filters(states).into_paginator().items().send();
    let reservations = pages.collect::<Result<Vec<_>, _>>().await;
    let reservations = reservations.map_err(|error| aws::describe("count the running instances", &error))?;
    Ok(reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).collect())
}

fn is_standard(kind: &str) -> bool {
    // `inf`, `trn`, `mac`, `hpc`, `dl` and others have quotas of their own.
    let family: String = kind.chars().take_while(char::is_ascii_alphabetic).collect();
    family.chars().next().is_some_and(|first| STANDARD.contains(first))
        && !["inf", "trn", "mac", "hpc", "dl"].contains(&family.as_str())
}

/// The processors of each type.
async fn sizes<'a>(context: &Context, kinds: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, u32>> {
    let kinds: std::collections::BTreeSet<&str> = kinds.collect();
    let asked = kinds.into_iter().map(InstanceType::from).collect();
    let answer = context.clients.ec2.describe_instance_types().set_instance_types(Some(asked)).send().await;
    let answer = answer.map_err(|error| aws::describe("look at the instance types", &error))?;
    let size = |info: &aws_sdk_ec2::types::InstanceTypeInfo| {
        let processors = u32::try_from(info.v_cpu_info()?.default_v_cpus()?).ok()?;
        Some((info.instance_type()?.as_str().to_owned(), processors))
    };
    Ok(answer.instance_types().iter().filter_map(size).collect())
}

async fn check(context: &Context, demand: &Demand) -> Result<String> {
    let body = json!({"ServiceCode": "ec2", "QuotaCode": demand.code});
    let answer = context.clients.signed.quotas("GetServiceQuota", &body).await?;
    let told: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if let Some(quota) = told["Quota"]["Value"].as_f64().filter(|_| answer.is_good()) {
        return Ok(judge(demand, quota, &context.environment.region)?);
    }
    let Demand { what, used, .. } = demand;
    let code = told["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    Ok(match code {
        "NoSuchResourceException" => format!("{used} {what} are used, and there is no quota of them"),
        "" => format!("{used} {what} are used; the quota was not told (status {})", answer.status),
        code => format!("{used} {what} are used; the quota was not told ({code}: allow servicequotas:GetServiceQuota)"),
    })
}

fn judge(demand: &Demand, quota: f64, region: &str) -> Result<String, Failure> {
    let Demand { code, what, used, wanted } = demand;
    if f64::from(used + wanted) > quota {
        return Err(user(format!("{used} of {quota} {what} are used, and {wanted} more are needed")).hint(format!(
            "end what is not needed (`veris status`), or ask for more: `aws service-quotas request-service-quota-increase \
             --region {region} --service-code ec2 --quota-code {code} --desired-value {}`",
            used + wanted
        )));
    }
    Ok(format!("{used} of {quota} {what} are used"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_leaves_no_room_is_named_with_how_to_raise_it() {
        let demand = |used, wanted| Demand { code: ADDRESSES, what: "Elastic IPs", used, wanted };
        assert_eq!(judge(&demand(5, 0), 5.0, "us-east-1").unwrap(), "5 of 5 Elastic IPs are used");
        let full = judge(&demand(5, 1), 5.0, "us-east-1").unwrap_err();
        assert_eq!(full.to_string(), "5 of 5 Elastic IPs are used, and 1 more are needed");
        let report = crate::error::Report::new(&full.into());
        assert!(report.hints[0].contains("--quota-code L-0263D0A3 --desired-value 6"), "{report}");
    }

    #[test]
    fn families_with_quotas_of_their_own_do_not_count() {
        for kind in ["t3.medium", "m7g.large", "c7i-flex.large", "im4gn.large"] {
            assert!(is_standard(kind), "{kind}");
        }
        for kind in
            ["inf1.xlarge", "g5.xlarge", "p5.48xlarge", "trn1.2xlarge", "x2gd.large", "mac2.metal", "dl1.24xlarge"]
        {
            assert!(!is_standard(kind), "{kind}");
        }
    }
}
