//! Image Builder's part: builds, recipes, configurations and components of versions that have no AMI.

use std::collections::BTreeSet;

use anyhow::Result;
use aws_sdk_imagebuilder::types::{Filter, Ownership};
use jiff::Timestamp;
use semver::Version;

use super::Orphan;
use crate::aws;
use crate::bake::{self, Kind};
use crate::context::Context;
use crate::tags;

/// What there is of versions without an AMI.
pub(super) struct Found {
    /// In the order in which they can go, each with its version.
    pub(super) orphans: Vec<(Option<Version>, Orphan)>,
    /// Versions, with an AMI or without, that Image Builder is baking.
    pub(super) under_way: Vec<Version>,
}

pub(super) async fn orphans(context: &Context, baked: &BTreeSet<Version>) -> Result<Found> {
    let mut found = Found { orphans: Vec::new(), under_way: Vec::new() };
    images(context, baked, &mut found).await?;
    recipes(context, baked, &mut found).await?;
    distributions(context, baked, &mut found).await?;
    components(context, baked, &mut found).await?;
    Ok(found)
}

async fn images(context: &Context, baked: &BTreeSet<Version>, found: &mut Found) -> Result<()> {
    let list = context.clients.image_builder.list_images().owner(Ownership::SelfValue).filters(of_service(context));
    let versions = list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    for image in versions.map_err(|error| aws::describe("list the images of Image Builder", &error))? {
        let Some((arn, version)) = image.arn.and_then(versioned) else { continue };
        let builds = bake::image_builds(context, &arn).await?;
        if builds.iter().any(|build| bake::is_under_way(build.state().and_then(|state| state.status()))) {
            found.under_way.push(version.clone());
        }
        let is_ours = builds.iter().any(|build| is_tagged(context, build.tags()));
        if is_ours && !baked.contains(&version) {
            found.add(Kind::Image, arn, version, image.date_created.as_deref());
        }
    }
    Ok(())
}

async fn recipes(context: &Context, baked: &BTreeSet<Version>, found: &mut Found) -> Result<()> {
    let list = context.clients.image_builder.list_image_recipes().owner(Ownership::SelfValue);
    let recipes =
        list.filters(of_service(context)).into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    for recipe in recipes.map_err(|error| aws::describe("list the recipes of Image Builder", &error))? {
        let is_ours = is_tagged(context, recipe.tags());
        let Some((arn, version)) = recipe.arn.and_then(versioned) else { continue };
        if is_ours && !baked.contains(&version) {
            found.add(Kind::Recipe, arn, version, recipe.date_created.as_deref());
        }
    }
    Ok(())
}

async fn distributions(context: &Context, baked: &BTreeSet<Version>, found: &mut Found) -> Result<()> {
    let list = context.clients.image_builder.list_distribution_configurations();
    let all = list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    for distribution in all.map_err(|error| aws::describe("list the distribution configurations", &error))? {
        let name = distribution.name().and_then(|name| name.strip_prefix(context.recipe.service.as_str()));
        let version = name.and_then(|rest| rest.strip_prefix('-')).and_then(|rest| rest.replace('-', ".").parse().ok());
        let (Some(version), true) = (version, is_tagged(context, distribution.tags())) else { continue };
        if let Some(arn) = distribution.arn.filter(|_| !baked.contains(&version)) {
            found.add(Kind::Distribution, arn, version, distribution.date_created.as_deref());
        }
    }
    Ok(())
}

async fn components(context: &Context, baked: &BTreeSet<Version>, found: &mut Found) -> Result<()> {
    let client = &context.clients.image_builder;
    let list = client.list_components().owner(Ownership::SelfValue).into_paginator();
    let all = list.items().send().collect::<Result<Vec<_>, _>>().await;
    let prefix = format!("{}-", context.recipe.service);
    for component in all.map_err(|error| aws::describe("list the components", &error))? {
        if !component.name().is_some_and(|name| name.starts_with(&prefix)) {
            continue;
        }
        let Some((arn, version)) = component.arn.and_then(versioned) else { continue };
        // Only what may go is worth a look at its tags.
        if !baked.contains(&version) && bake::is_ours(context, &arn).await? {
            found.add(Kind::Component, arn, version, component.date_created.as_deref());
        }
    }
    Ok(())
}

impl Found {
    fn add(&mut self, kind: Kind, arn: String, version: Version, created: Option<&str>) {
        let created: Option<Timestamp> = created.and_then(|text| text.parse().ok());
        let why = format!("version {version} has no AMI");
        self.orphans.push((Some(version), Orphan { name: arn.clone(), why, created, thing: kind.named(arn) }));
    }
}

fn of_service(context: &Context) -> Filter {
    Filter::builder().name("name").values(context.recipe.service.as_str()).build()
}

fn is_tagged(context: &Context, tags: Option<&std::collections::HashMap<String, String>>) -> bool {
    tags.and_then(|tags| tags.get(tags::SERVICE)).map(String::as_str) == Some(context.recipe.service.as_str())
}

/// The ARN of a version, `…:image/veris-chat/1.0.0`, and the version.
fn versioned(arn: String) -> Option<(String, Version)> {
    let mut parts = arn.rsplit(':').next()?.split('/').skip(2);
    let version = parts.next()?.parse().ok()?;
    // Lists can name builds, which have a number behind the version.
    let arn = if parts.next().is_some() { arn.rsplit_once('/')?.0.to_owned() } else { arn };
    Some((arn, version))
}

#[cfg(test)]
mod tests {
    use super::versioned;

    #[test]
    fn a_version_is_read_from_its_arn() {
        let arn = "arn:aws:imagebuilder:ap-southeast-2:000000000000:image/veris-chat/1.20.3".to_owned();
        assert_eq!(versioned(arn.clone()), Some((arn.clone(), "1.20.3".parse().unwrap())));
        assert_eq!(versioned(format!("{arn}/4")), Some((arn, "1.20.3".parse().unwrap())));
        assert_eq!(versioned("arn:aws:imagebuilder:x:0:image/veris-chat/x.x.x".to_owned()), None);
    }
}
