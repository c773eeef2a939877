//! `veris status`: who is behind the address, whether it answers, and who else is kept.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::addresses;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::health::{self, Endpoint};
use crate::instances::{self, Instance};
use crate::table::Table;

/// Show what is live, whether it answers, and which other instances are kept
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
}

pub async fn run(args: Status, context: &Context) -> Result<ExitStatus> {
    let report = status(&args, context).await?;
    context.printer.data(&report)?;
    Ok(if report.healthy { ExitStatus::Success } else { ExitStatus::Unhealthy })
}

/// Looks at the service.
pub async fn status(_: &Status, context: &Context) -> Result<Report> {
    let service = context.recipe.service.to_string();
    let (address, mut kept) = tokio::try_join!(addresses::find(context), instances::list(&context.clients, &service))?;
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
    Ok(Report {
        service,
        environment: context.environment.name.to_string(),
        url: endpoint.map(Endpoint::url),
        healthy: problem.is_none(),
        problem,
        live,
        kept,
    })
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
