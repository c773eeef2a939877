//! Removes what a bake created. Everything here succeeds if the thing is gone, for whatever reason.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_ec2::types::Filter;
use aws_sdk_imagebuilder::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_imagebuilder::types::{ImageStatus, ImageSummary, OutputResources};

use super::journal::{Created, Kind};
use crate::aws::{self, Clients};
use crate::context::Context;
use crate::environment::Target;
use crate::error::cloud;
use crate::instances;

/// Image Builder's operations do not declare this error, so only its code tells it.
pub(super) fn is_not_found<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code() == Some("ResourceNotFoundException")
}

/// Turns "it is not there" into success.
pub(super) fn gone<T, E>(result: Result<T, SdkError<E>>, what: &str) -> Result<()>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match result {
        Err(error) if !is_not_found(&error) => Err(aws::describe(&format!("delete {what}"), &error).into()),
        _ => Ok(()),
    }
}

/// Removes one thing.
pub(crate) async fn created(context: &Context, Created { kind, name }: &Created) -> Result<()> {
    let client = &context.clients.image_builder;
    match kind {
        Kind::Object => object(context, name).await,
        Kind::Component => component(context, name).await,
        Kind::Recipe => gone(client.delete_image_recipe().image_recipe_arn(name).send().await, name),
        Kind::Infrastructure => {
            gone(client.delete_infrastructure_configuration().infrastructure_configuration_arn(name).send().await, name)
        }
        Kind::Distribution => {
            gone(client.delete_distribution_configuration().distribution_configuration_arn(name).send().await, name)
        }
        Kind::Image => image(context, name).await,
        Kind::Parameter => match in_other_region(context, name) {
            Some((clients, name)) => parameter(&clients, &format!("/{}", name.trim_start_matches("parameter/"))).await,
            None => parameter(&context.clients, name).await,
        },
        Kind::Copy => match in_other_region(context, name) {
            Some((clients, image)) => deregister(&clients, image.trim_start_matches("image/")).await,
            None => Err(cloud(format!("`{name}` is not the ARN of an image")).into()),
        },
        Kind::Instance => instance(context, name).await,
    }
}

/// Clients of the region of an ARN, and what stands behind it.
fn in_other_region<'a>(context: &Context, arn: &'a str) -> Option<(Clients, &'a str)> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':').skip(2);
    let (region, resource) = (parts.next()?, parts.nth(1)?);
    Some((context.clients.in_region(region), resource))
}

async fn object(context: &Context, uri: &str) -> Result<()> {
    let (bucket, key) = uri.trim_start_matches("s3://").split_once('/').unwrap_or_default();
    let result = context.clients.s3.delete_object().bucket(bucket).key(key).send().await;
    result.map(drop).map_err(|error| aws::describe(&format!("delete {uri}"), &error).into())
}

/// Removes a parameter.
pub async fn parameter(clients: &Clients, name: &str) -> Result<()> {
    match clients.ssm.delete_parameter().name(name).send().await {
        Err(error) if error.code() != Some("ParameterNotFound") => {
            Err(aws::describe(&format!("delete the parameter `{name}`"), &error).into())
        }
        _ => Ok(()),
    }
}

async fn instance(context: &Context, id: &str) -> Result<()> {
    let mut stage = context.printer.stage(format!("Terminate {id}"));
    instances::terminate(&context.clients, id, &mut stage).await?;
    stage.done("");
    Ok(())
}

async fn component(context: &Context, arn: &str) -> Result<()> {
    let builds = if is_build(arn) { vec![arn.to_owned()] } else { component_builds(context, arn).await? };
    for build in builds {
        let delete = context.clients.image_builder.delete_component().component_build_version_arn(&build);
        gone(delete.send().await, &build)?;
    }
    Ok(())
}

/// Whether the ARN ends in a build number: `…:image/veris-chat/1.0.0/1`.
fn is_build(arn: &str) -> bool {
    arn.rsplit(':').next().is_some_and(|resource| resource.split('/').count() == 4)
}

/// The builds of a component's version, as ARNs.
pub(super) async fn component_builds(context: &Context, version_arn: &str) -> Result<Vec<String>> {
    let list = context.clients.image_builder.list_component_build_versions().component_version_arn(version_arn);
    let builds: Result<Vec<_>, _> = list.into_paginator().items().send().collect().await;
    match builds {
        Ok(builds) => Ok(builds.into_iter().filter_map(|build| build.arn).collect()),
        Err(error) if is_not_found(&error) => Ok(Vec::new()),
        Err(error) => Err(aws::describe(&format!("list the builds of {version_arn}"), &error).into()),
    }
}

/// The builds of an image's version.
pub(crate) async fn image_builds(context: &Context, version_arn: &str) -> Result<Vec<ImageSummary>> {
    let list = context.clients.image_builder.list_image_build_versions().image_version_arn(version_arn);
    let builds: Result<Vec<_>, _> = list.into_paginator().items().send().collect().await;
    match builds {
        Ok(builds) => Ok(builds),
        Err(error) if is_not_found(&error) => Ok(Vec::new()),
        Err(error) => Err(aws::describe(&format!("list the builds of {version_arn}"), &error).into()),
    }
}

/// Whether Image Builder will still change this image by itself.
pub(crate) fn is_under_way(status: Option<&ImageStatus>) -> bool {
    use ImageStatus::{Available, Cancelled, Deleted, Deprecated, Disabled, Failed};
    !matches!(status, Some(Available | Cancelled | Deleted | Deprecated | Disabled | Failed))
}

/// Cancels what is under way, deregisters the AMIs, then deletes the images: Image Builder would leave the AMIs behind.
async fn image(context: &Context, arn: &str) -> Result<()> {
    let builds = if is_build(arn) {
        vec![arn.to_owned()]
    } else {
        image_builds(context, arn).await?.into_iter().filter_map(|build| build.arn).collect()
    };
    for build in &builds {
        if is_under_way(status(context, build).await?.as_ref()) {
            cancel(context, build).await?;
        }
        deregister_amis(context, build).await?;
        gone(context.clients.image_builder.delete_image().image_build_version_arn(build).send().await, build)?;
    }
    Ok(())
}

/// Cancelling is asynchronous: the build instance still runs when the call returns.
async fn cancel(context: &Context, arn: &str) -> Result<()> {
    const ATTEMPTS: u32 = 300;
    let every = match context.environment.target {
        Target::Local => Duration::from_millis(500),
        Target::Aws => Duration::from_secs(5),
    };
    let client = &context.clients.image_builder;
    if let Err(error) = client.cancel_image_creation().image_build_version_arn(arn).send().await {
        // The build may have ended just now, and then there is nothing to cancel.
        let ended = !is_under_way(status(context, arn).await?.as_ref());
        return if ended { Ok(()) } else { Err(aws::describe(&format!("cancel {arn}"), &error).into()) };
    }
    for _ in 0..ATTEMPTS {
        if !is_under_way(status(context, arn).await?.as_ref()) {
            return Ok(());
        }
        tokio::time::sleep(every).await;
    }
    Err(cloud(format!("{arn} was cancelled, but did not end")).into())
}

/// An image that is gone counts as deleted.
pub(super) async fn status(context: &Context, arn: &str) -> Result<Option<ImageStatus>> {
    match context.clients.image_builder.get_image().image_build_version_arn(arn).send().await {
        Ok(answer) => Ok(answer.image.and_then(|image| image.state).and_then(|state| state.status)),
        Err(error) if is_not_found(&error) => Ok(Some(ImageStatus::Deleted)),
        Err(error) => Err(aws::describe(&format!("look at {arn}"), &error).into()),
    }
}

/// The AMIs that the image names, and those that Image Builder tagged with it before it failed.
async fn deregister_amis(context: &Context, arn: &str) -> Result<()> {
    let ec2 = &context.clients.ec2;
    let named = context.clients.image_builder.get_image().image_build_version_arn(arn).send().await;
    let resources = named.ok().and_then(|answer| answer.image).and_then(|image| image.output_resources);
    let mut ids: Vec<_> =
        resources.iter().flat_map(OutputResources::amis).filter_map(|ami| ami.image.clone()).collect();
    let tag = Filter::builder().name("tag:Ec2ImageBuilderArn").values(arn).build();
    let tagged = ec2.describe_images().owners("self").filters(tag).send().await;
    let tagged = tagged.map_err(|error| aws::describe(&format!("list the AMIs of {arn}"), &error))?;
    ids.extend(tagged.images().iter().filter_map(|image| image.image_id.clone()));
    ids.sort();
    ids.dedup();
    for id in ids {
        deregister(&context.clients, &id).await?;
    }
    Ok(())
}

/// Deregisters an AMI and deletes its snapshots.
pub async fn deregister(clients: &Clients, id: &str) -> Result<()> {
    let call = clients.ec2.deregister_image().image_id(id).delete_associated_snapshots(true);
    match call.send().await {
        Err(error) if !error.code().is_some_and(|code| code.starts_with("InvalidAMIID.")) => {
            Err(aws::describe(&format!("deregister {id}"), &error).into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_build;

    #[test]
    fn a_build_is_told_from_a_version() {
        let version = "arn:aws:imagebuilder:ap-southeast-2:000000000000:image/veris-chat/1.0.0";
        assert!(!is_build(version));
        assert!(is_build(&format!("{version}/12")));
    }
}
