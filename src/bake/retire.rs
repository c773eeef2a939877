//! Removes what a version was made of, once nobody needs its image any more.

use anyhow::Result;
use aws_sdk_imagebuilder::types::{Filter, Ownership};
use semver::Version;

use super::journal::{Created, Kind};
use super::names::Names;
use super::remove::{self, is_not_found};
use crate::aws;
use crate::context::Context;
use crate::manifest;
use crate::printer::Stage;
use crate::tags;

/// Removes the version's build, parameter, recipe, distribution, components and manifest, in this order: none goes while another one needs it.
/// The AMI stays. Artifacts stay too, because other versions have them in common.
pub async fn remove_version(context: &Context, version: &Version, digest: &str, stage: &mut Stage) -> Result<()> {
    let names = Names::new(context, version).await?;
    let client = &context.clients.image_builder;
    let components = components(context, version).await?;
    for build in remove::image_builds(context, &names.image_arn()).await?.into_iter().filter_map(|build| build.arn) {
        stage.update(&build);
        remove::gone(client.delete_image().image_build_version_arn(&build).send().await, &build)?;
    }
    let parameter = Kind::Parameter.named(super::parameter(context.recipe.service.as_str(), version));
    let things =
        [parameter, Kind::Recipe.named(names.recipe_arn()), Kind::Distribution.named(names.distribution_arn())];
    let documents = ["manifest.json", "bom.json", "outcome.json", "provenance.json"].map(|name| {
        let key = manifest::document_key(context.recipe.service.as_str(), digest, name);
        Kind::Object.named(format!("s3://{}/{key}", context.environment.bucket))
    });
    for thing in things.into_iter().chain(components).chain(documents) {
        stage.update(&thing.name);
        remove::created(context, &thing).await?;
    }
    Ok(())
}

/// The components of this version, as their tags say. A list and not the recipe, which an interrupted run may have removed.
async fn components(context: &Context, version: &Version) -> Result<Vec<Created>> {
    let client = &context.clients.image_builder;
    let filter = Filter::builder().name("version").values(version.to_string()).build();
    let list = client.list_components().owner(Ownership::SelfValue).filters(filter);
    let versions: Result<Vec<_>, _> = list.into_paginator().items().send().collect().await;
    let versions = versions.map_err(|error| aws::describe("list the components", &error))?;
    let mut ours = Vec::new();
    for arn in versions.into_iter().filter_map(|version| version.arn) {
        if is_ours(context, &arn).await? {
            ours.push(Kind::Component.named(arn));
        }
    }
    Ok(ours)
}

/// Whether the tags of a component's version say that it is of this service.
pub(crate) async fn is_ours(context: &Context, version_arn: &str) -> Result<bool> {
    let Some(build) = remove::component_builds(context, version_arn).await?.pop() else { return Ok(false) };
    let component = match context.clients.image_builder.get_component().component_build_version_arn(&build).send().await
    {
        Ok(answer) => answer.component,
        Err(error) if is_not_found(&error) => None,
        Err(error) => return Err(aws::describe(&format!("look at {build}"), &error).into()),
    };
    let tags = component.and_then(|component| component.tags).unwrap_or_default();
    Ok(tags.get(tags::SERVICE).map(String::as_str) == Some(context.recipe.service.as_str()))
}
