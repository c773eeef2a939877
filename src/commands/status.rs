//! `veris status`: who is behind the address, whether it answers, and who else is kept.

mod cost;
mod drift;

use std::fmt;

use anyhow::Result;
use aws_sdk_ec2::types::{Filter, Instance as Ec2Instance, Volume};
use serde::Serialize;

use self::drift::Drift;
use crate::addresses;
use crate::aws;
use crate::bake::{self, KeptInstance};
use crate::context::Context;
use crate::environment::Target;
use crate::exit_status::ExitStatus;
use crate::health::{self, Endpoint};
use crate::images;
use crate::instances::{self, Instance};
use crate::prices::Bill;
use crate::table::Table;

/// Show what is live, whether it answers, what it differs in from the recipe, and what all of it costs
///
/// A difference is told with its cure. Costs are about those of a month, by AWS's list prices in one region; a type whose price is not
/// known is named. Instances that `veris bake --keep-on-failure` has left are listed, too.
///
/// The exit code is 0 only when a version is live and answers as it should.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris status --environment prod")]
pub struct Status {}

/// The service in one environment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub service: String,
    pub environment: String,
    /// Where clients reach the service; `None` before the first launch.
    pub url: Option<String>,
    pub healthy: bool,
    /// What is wrong, where it is not healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    pub live: Option<Instance>,
    pub kept: Vec<Instance>,
    /// What the live instance differs in from the recipe and from what was baked last.
    pub drift: Vec<Drift>,
    /// Instances that failed bakes were asked to keep.
    pub of_failed_bakes: Vec<KeptInstance>,
    /// What all of it costs in a month, in an account of AWS.
    pub cost: Bill,
    #[serde(skip)]
    target: Target,
}

pub async fn run(args: Status, context: &Context) -> Result<ExitStatus> {
    let report = status(&args, context).await?;
    context.printer.data(&report)?;
    Ok(if report.healthy { ExitStatus::Success } else { ExitStatus::Unhealthy })
}

/// Looks at the service.
pub async fn status(_: &Status, context: &Context) -> Result<Report> {
    let service = context.recipe.service.to_string();
    let (address, tagged, described) = tokio::try_join!(
        addresses::find(context),
        instances::tagged(&context.clients, &service),
        images::describe(context),
    )?;
    let of_failed_bakes = bake::kept_among(context, &tagged).await?;
    let machines: Vec<Ec2Instance> = tagged.into_iter().filter(instances::is_launched).collect();
    let volumes = volumes(context, &machines).await?;
    let gib = described.iter().map(images::gib).sum();
    let cost = cost::bill(&machines, &volumes, address.as_ref(), (&of_failed_bakes, gib));
    let mut kept = instances::listed(&machines);
    let holder = address.as_ref().and_then(|address| address.holder.clone());
    let live = kept.iter().position(|instance| Some(&instance.instance_id) == holder.as_ref());
    let live = live.map(|position| kept.remove(position));
    let endpoint = address.map(|address| Endpoint { address: address.ip, port: context.recipe.port });
    let problem = match (endpoint, &live, holder) {
        (Some(endpoint), Some(live), _) => health::look(endpoint, &live.image()).await.err(),
        (Some(_), None, Some(other)) => {
            Some(format!("instance {other} is behind the address; veris did not launch it"))
        }
        (Some(_), None, None) | (None, ..) => Some("nothing is live".to_owned()),
    };
    let machine = live.as_ref().and_then(|live| {
        machines.iter().find(|machine| machine.instance_id() == Some(&live.instance_id)).map(|machine| (live, machine))
    });
    let drift = match machine {
        Some((live, machine)) => {
            let images = images::baked(&described);
            drift::find(context, &drift::Seen { live, machine, volumes: &volumes, images: &images }).await
        }
        None => Vec::new(),
    };
    Ok(Report {
        service,
        environment: context.environment.name.to_string(),
        url: endpoint.map(Endpoint::url),
        healthy: problem.is_none(),
        problem,
        live,
        kept,
        drift,
        of_failed_bakes,
        cost,
        target: context.environment.target,
    })
}

/// The volumes of the instances.
async fn volumes(context: &Context, machines: &[Ec2Instance]) -> Result<Vec<Volume>> {
    let ids: Vec<String> = machines.iter().filter_map(|machine| machine.instance_id.clone()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter::builder().name("attachment.instance-id").set_values(Some(ids)).build();
    let pages = context.clients.ec2.describe_volumes().filters(filter).into_paginator().items().send();
    let volumes = pages.collect::<Result<Vec<_>, _>>().await;
    Ok(volumes.map_err(|error| aws::describe("look at the volumes of the instances", &error))?)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.live {
            Some(live) => {
                let url = self.url.as_deref().unwrap_or_default();
                writeln!(f, "{} {} is live in {} at {url}", self.service, live.version, self.environment)?;
                writeln!(f, "  health    {}", self.problem.as_deref().unwrap_or("healthy"))?;
                writeln!(f, "  instance  {} ({}, {})", live.instance_id, live.instance_type, live.state)?;
                writeln!(f, "  image     {} (digest {})", live.image_id, health::short(&live.digest))?;
                if let Some(promoted) = live.promoted_at {
                    writeln!(f, "  promoted  {}", promoted.strftime("%Y-%m-%d %H:%M:%S UTC"))?;
                }
            }
            None => writeln!(
                f,
                "{} in {}: {}",
                self.service,
                self.environment,
                self.problem.as_deref().unwrap_or("nothing is live")
            )?,
        }
        for drift in &self.drift {
            writeln!(f, "  drift     {drift}")?;
        }
        let where_to = if self.target == Target::Local { "nothing here; in an account of AWS " } else { "" };
        writeln!(f, "  cost      {where_to}{} ({})", self.cost, self.cost.prices)?;
        for KeptInstance { instance_id, version, cost, .. } in &self.of_failed_bakes {
            writeln!(
                f,
                "  kept      {instance_id} of a failed bake of {version}, {cost}; `veris terminate {instance_id}` ends it"
            )?;
        }
        if self.kept.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["KEPT", "VERSION", "STATE", "SERVED", "ADDRESS"]);
        for instance in &self.kept {
            table.row([
                instance.instance_id.clone(),
                instance.version.to_string(),
                instance.state.to_string(),
                served(instance),
                instance.public_ip.map(|ip| ip.to_string()).unwrap_or_default(),
            ]);
        }
        write!(f, "\n{table}")
    }
}

fn served(instance: &Instance) -> String {
    match (instance.promoted_at, instance.rolled_back_at) {
        (_, Some(_)) => "rolled back".to_owned(),
        (Some(promoted), None) => promoted.strftime("%Y-%m-%d %H:%M").to_string(),
        (None, None) => "never".to_owned(),
    }
}
