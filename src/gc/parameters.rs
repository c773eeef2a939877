//! The Parameter Store's part: parameters of versions that have no AMI.

use std::collections::BTreeSet;

use anyhow::Result;
use jiff::Timestamp;
use semver::Version;

use super::Orphan;
use crate::aws::{self, Clients};
use crate::bake::{self, Kind};
use crate::context::Context;

/// Those that the clients see; `region` where it is not the environment's.
pub(super) async fn orphans(
    context: &Context,
    (clients, region): (&Clients, Option<&str>),
    baked: &BTreeSet<Version>,
) -> Result<Vec<(Option<Version>, Orphan)>> {
    let folder = bake::folder(context.recipe.service.as_str());
    let pages = clients.ssm.get_parameters_by_path().path(&folder).into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await;
    let pages = pages.map_err(|error| aws::describe(&format!("list the parameters `{folder}`"), &error))?;
    let parameters = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
    let orphan = |parameter: aws_sdk_ssm::types::Parameter| {
        let created = parameter.last_modified_date().and_then(|at| Timestamp::from_second(at.secs()).ok());
        let version: Version = parameter.name()?.rsplit('/').next()?.parse().ok()?;
        let (name, place) = match region {
            Some(region) => (parameter.arn?, format!(" in {region}")),
            None => (parameter.name?, String::new()),
        };
        let why = format!("version {version} has no AMI{place}");
        let thing = Kind::Parameter.named(name.clone());
        (!baked.contains(&version)).then_some((Some(version), Orphan { name, why, created, thing }))
    };
    Ok(parameters.filter_map(orphan).collect())
}
