//! Instances that failed bakes have left running, because somebody wanted to look at them.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_ec2::types::{Instance as Ec2Instance, Tag};
use aws_sdk_imagebuilder::types::{Image, InfrastructureConfiguration};
use jiff::Timestamp;
use semver::Version;
use serde::Serialize;

use super::remove::{is_under_way, status};
use crate::context::Context;
use crate::environment::{Environment, Target};
use crate::error::Failure;
use crate::instances::{self, State};
use crate::prices::{self, Bill};

/// Image Builder gives it to each instance in which it builds or tests.
const BUILD: &str = "Ec2ImageBuilderArn";

/// A build or test instance that outlived its bake.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptInstance {
    pub instance_id: String,
    pub instance_type: String,
    pub state: State,
    pub launched: Option<Timestamp>,
    /// The version whose bake has failed.
    pub version: Version,
    /// What it costs until it is terminated.
    pub cost: Bill,
    #[serde(skip)]
    build: String,
}

/// All of the service whose bake has ended.
pub async fn kept(context: &Context) -> Result<Vec<KeptInstance>> {
    let tagged = instances::tagged(&context.clients, context.recipe.service.as_str()).await?;
    kept_among(context, &tagged).await
}

/// Those among instances with the service's tag.
pub async fn kept_among(context: &Context, tagged: &[Ec2Instance]) -> Result<Vec<KeptInstance>> {
    let mut ended: BTreeMap<String, bool> = BTreeMap::new();
    let mut kept = Vec::new();
    for instance in tagged.iter().filter_map(|instance| read(context, instance)) {
        let is_over = match ended.get(&instance.build) {
            Some(known) => *known,
            None => !is_under_way(status(context, &instance.build).await?.as_ref()),
        };
        ended.insert(instance.build.clone(), is_over);
        if is_over {
            kept.push(instance);
        }
    }
    Ok(kept)
}

/// Says which instances earlier bakes have left running. No bake ends them by itself.
pub(super) async fn remind(context: &Context) -> Result<()> {
    for instance in kept(context).await? {
        let KeptInstance { instance_id, version, launched, cost, .. } = &instance;
        let since = launched.map(|at| at.strftime(" since %Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
        context.printer.talk(format_args!(
            "{instance_id} of a failed bake of {version} was kept{since}{}; `veris terminate {instance_id}{}` ends it",
            money(cost, context.environment.target),
            options(&context.environment),
        ));
    }
    Ok(())
}

/// The error of a failed bake, with what is left of it on purpose and how to get in.
pub(super) async fn mention(context: &Context, image: &Image, failure: Failure) -> Failure {
    let infrastructure = image.infrastructure_configuration();
    if infrastructure.and_then(InfrastructureConfiguration::terminate_instance_on_failure) != Some(false) {
        return failure;
    }
    let build = image.arn().unwrap_or_default();
    let tagged = match instances::tagged(&context.clients, context.recipe.service.as_str()).await {
        Ok(tagged) => tagged,
        Err(error) => {
            return failure.and_hint(format!(
                "its instance was kept, but could not be looked for: {error:#}\n`veris status` shows it"
            ));
        }
    };
    let of_bakes = tagged.iter().filter_map(|instance| read(context, instance));
    let mut ours = of_bakes.filter(|instance| instance.build == build).peekable();
    if ours.peek().is_none() {
        return failure.and_hint("it failed where it had no instance, so none was kept");
    }
    ours.fold(failure, |failure, instance| failure.and_hint(instance.told(&context.environment)))
}

fn read(context: &Context, instance: &Ec2Instance) -> Option<KeptInstance> {
    let build = instance.tags().iter().find(|tag| tag.key() == Some(BUILD)).and_then(Tag::value)?;
    let state = instances::state_of(instance)?;
    let instance_type = instance.instance_type()?.as_str();
    let volume = &context.recipe.volume;
    let mut items = vec![prices::volume(volume.kind.as_str(), volume.size_gib)];
    if state.is_billed() {
        items.insert(0, prices::machine(instance_type));
        items.extend(instance.public_ip_address().map(|_| prices::address()));
    }
    let kept = KeptInstance {
        instance_id: instance.instance_id()?.to_owned(),
        instance_type: instance_type.to_owned(),
        state,
        launched: instance.launch_time().and_then(|time| Timestamp::from_second(time.secs()).ok()),
        // `…:image/veris-chat/1.0.0/3`
        version: build.rsplit('/').nth(1)?.parse().ok()?,
        cost: Bill::of(items),
        build: build.to_owned(),
    };
    state.exists().then_some(kept)
}

impl KeptInstance {
    /// What whoever asked for it has to know now.
    fn told(&self, environment: &Environment) -> String {
        let Self { instance_id, instance_type, state, cost, .. } = self;
        let (options, money) = (options(environment), money(cost, environment.target));
        let (enter, yes) = match environment.target {
            Target::Local => (String::new(), ""),
            Target::Aws => {
                let region = &environment.region;
                (format!("to get in:  aws ssm start-session --region {region} --target {instance_id}\n"), " --yes")
            }
        };
        format!(
            "{instance_id} ({instance_type}, {state}) was kept{money}\n\
             to look:    veris console {instance_id}{options}\n\
             {enter}\
             to end it:  veris terminate {instance_id}{options}{yes}\n\
             `veris gc{options}` ends it as well, once it is a day old; no bake does"
        )
    }
}

fn options(environment: &Environment) -> String {
    if environment.is_local() { String::new() } else { format!(" -e {}", environment.name) }
}

fn money(cost: &Bill, target: Target) -> String {
    match target {
        Target::Local => ", at no cost but this machine's memory".to_owned(),
        Target::Aws => format!(": {:.3} USD an hour, {cost} ({})", cost.hourly_usd(), cost.prices),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_an_account_the_price_and_the_way_in_are_told() {
        let environment = Environment { name: "prod".parse().unwrap(), target: Target::Aws, ..Environment::local() };
        let kept = KeptInstance {
            instance_id: "i-0123456789abcdef0".to_owned(),
            instance_type: "t3.medium".to_owned(),
            state: State::Running,
            launched: None,
            version: Version::new(1, 0, 0),
            cost: Bill::of(vec![prices::machine("t3.medium"), prices::volume("gp3", 30)]),
            build: String::new(),
        };
        insta::assert_snapshot!(kept.told(&environment), @"
        i-0123456789abcdef0 (t3.medium, running) was kept: 0.045 USD an hour, about 32.77 USD a month (rounded from on-demand prices of Linux in us-east-1; your region and discounts differ)
        to look:    veris console i-0123456789abcdef0 -e prod
        to get in:  aws ssm start-session --region ap-southeast-2 --target i-0123456789abcdef0
        to end it:  veris terminate i-0123456789abcdef0 -e prod --yes
        `veris gc -e prod` ends it as well, once it is a day old; no bake does
        ");
    }
}
