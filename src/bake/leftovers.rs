//! What an earlier bake of the same version left behind, because it was killed or could not clean up.

use anyhow::Result;
use aws_sdk_imagebuilder::types::{ImageStatus, ImageSummary, OutputResources};

use super::journal::{Created, Kind};
use super::names::Names;
use super::plan::Plan;
use super::remove::{self, is_not_found, is_under_way};
use crate::aws;
use crate::context::Context;
use crate::error::{Failure, user};
use crate::tags;

/// What there is of a version that has no AMI.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing: the usual case.
    Nothing,
    /// Image Builder is baking exactly these inputs, started by another run. Holds the image's build version ARN.
    UnderWay(String),
    /// Remains of a bake that ended, in the order of their creation.
    Remains(Vec<Created>),
}

/// Looks for remains of the version.
pub(super) async fn find(context: &Context, names: &Names, plan: &Plan) -> Result<Found> {
    let builds = remove::image_builds(context, &names.image_arn()).await?;
    for build in &builds {
        let Some(arn) = build.arn() else { continue };
        let status = build.state().and_then(|state| state.status());
        if is_under_way(status) {
            let is_same =
                build.tags().and_then(|tags| tags.get(tags::DIGEST)).map(String::as_str) == Some(plan.digest.as_str());
            return if is_same { Ok(Found::UnderWay(arn.to_owned())) } else { Err(other_under_way(plan, arn).into()) };
        }
        if matches!(status, Some(ImageStatus::Available)) {
            refuse_untagged(context, plan, build).await?;
        }
    }
    let mut remains = components(context, names, plan).await?;
    let client = &context.clients.image_builder;
    match client.get_image_recipe().image_recipe_arn(names.recipe_arn()).send().await {
        Ok(_) => remains.push(Kind::Recipe.named(names.recipe_arn())),
        Err(error) if is_not_found(&error) => {}
        Err(error) => return Err(aws::describe(&format!("look at {}", names.recipe_arn()), &error).into()),
    }
    let arn = names.distribution_arn();
    match client.get_distribution_configuration().distribution_configuration_arn(&arn).send().await {
        Ok(_) => remains.push(Kind::Distribution.named(arn)),
        Err(error) if is_not_found(&error) => {}
        Err(error) => return Err(aws::describe(&format!("look at {arn}"), &error).into()),
    }
    if !builds.is_empty() {
        remains.push(Kind::Image.named(names.image_arn()));
    }
    Ok(if remains.is_empty() { Found::Nothing } else { Found::Remains(remains) })
}

async fn components(context: &Context, names: &Names, plan: &Plan) -> Result<Vec<Created>> {
    let mut found = Vec::new();
    for component in &plan.components {
        let version_arn = names.component_arn(&component.name);
        if !remove::component_builds(context, &version_arn).await?.is_empty() {
            found.push(Kind::Component.named(version_arn));
        }
    }
    Ok(found)
}

/// Removes the remains, the last thing first.
pub(super) async fn clear(context: &Context, remains: Vec<Created>) -> Result<()> {
    let mut stage = context.printer.stage("remove what an earlier bake left behind");
    for created in remains.iter().rev() {
        stage.update(&created.name);
        remove::created(context, created).await?;
    }
    stage.done("");
    Ok(())
}

fn other_under_way(plan: &Plan, arn: &str) -> Failure {
    let (service, version) = (&plan.service, &plan.version);
    user(format!("version {version} of {service} is being baked from other inputs right now ({arn})")).hint(format!(
        "choose another version with `--version`, wait until it is done, or stop it with \
         `aws imagebuilder cancel-image-creation --image-build-version-arn {arn}`"
    ))
}

/// An image whose AMI was deregistered may be baked anew. One whose AMI only lost its tags must not be lost.
async fn refuse_untagged(context: &Context, plan: &Plan, build: &ImageSummary) -> Result<()> {
    let amis = build.output_resources().map(OutputResources::amis).unwrap_or_default();
    for id in amis.iter().filter_map(|ami| ami.image()) {
        let filter = aws_sdk_ec2::types::Filter::builder().name("image-id").values(id).build();
        let answer = context.clients.ec2.describe_images().owners("self").filters(filter).send().await;
        let answer = answer.map_err(|error| aws::describe(&format!("look at {id}"), &error))?;
        if !answer.images().is_empty() {
            return Err(user(format!(
                "version {} was baked as {id}, which has no `{}` tag any more",
                plan.version,
                tags::SERVICE
            ))
            .hint("deregister the AMI or give it its tags back, or bake another version with `--version`")
            .into());
        }
    }
    Ok(())
}
