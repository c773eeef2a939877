//! The image that a bake starts from: what the recipe names, what its lock pins, or what is newest.

use anyhow::Result;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;

use crate::aws;
use crate::context::Context;
use crate::error::{Failure, user};
use crate::lock::{self, Lock, Pin};
use crate::recipe::ParentImage;

/// The parent image of a bake.
///
/// In the local cloud the newest one: it is made there, and has another id on every machine. Elsewhere a parameter is followed
/// by `veris update` alone, because Amazon moves it every few weeks.
pub(super) async fn of_bake(context: &Context) -> Result<Pin> {
    if context.environment.is_local() || matches!(context.recipe.parent, ParentImage::Ami(_)) {
        return newest(context).await;
    }
    let lock = Lock::read(&context.recipe.path)?;
    let pin = lock.pin(&context.environment.name).ok_or_else(|| unpinned(context, "pins no parent image"))?;
    if pin.region != context.environment.region || pin.parent != context.recipe.parent.to_string() {
        return Err(unpinned(context, "pins a parent image for what the recipe said before").into());
    }
    let pin = pin.clone();
    match name(context, &pin.image).await? {
        Some(_) => Ok(pin),
        None => {
            Err(user(format!("the pinned parent image {} ({}) is not in {} any more", pin.image, pin.name, pin.region))
                .hint(format!("`veris update -e {}` pins the newest one", context.environment.name))
                .into())
        }
    }
}

fn unpinned(context: &Context, what: &str) -> Failure {
    let (path, name) = (Lock::path(&context.recipe.path), &context.environment.name);
    let shown = path.strip_prefix(&context.project).unwrap_or(&path).display().to_string();
    user(format!("`{shown}` {what} for environment `{name}`"))
        .hint(format!("`veris update -e {name}` pins the newest one; commit the file with the recipe"))
}

/// What the recipe's parent means now.
pub(super) async fn newest(context: &Context) -> Result<Pin> {
    let image = match &context.recipe.parent {
        ParentImage::Ami(id) => id.clone(),
        ParentImage::SsmParameter(name) => parameter(context, name).await?,
    };
    let name = name(context, &image).await?.ok_or_else(|| {
        user(format!("the parent image {image} does not exist in {}", context.environment.region))
            .hint("correct `parent` in the recipe: an image has another id in each region")
    })?;
    Ok(Pin {
        region: context.environment.region.clone(),
        parent: context.recipe.parent.to_string(),
        release: lock::release(&name),
        image,
        name,
    })
}

async fn parameter(context: &Context, name: &str) -> Result<String> {
    let refuse = |problem: &str| -> Failure {
        user(format!("the parent image's parameter `{name}` {problem} in {}", context.environment.region))
            .hint("correct `parent.ssm_parameter` in the recipe, or name the image with `parent.ami`")
    };
    let answer = context.clients.ssm.get_parameter().name(name).send().await.map_err(|error| {
        if error
            .as_service_error()
            .is_some_and(aws_sdk_ssm::operation::get_parameter::GetParameterError::is_parameter_not_found)
        {
            return refuse("does not exist");
        }
        aws::describe(&format!("resolve the parent image's parameter `{name}`"), &error)
    })?;
    let value = answer.parameter().and_then(|parameter| parameter.value()).unwrap_or_default();
    if value.starts_with("ami-") {
        Ok(value.to_owned())
    } else {
        Err(refuse("does not hold the id of an image").into())
    }
}

/// The name of an image; `None` if it is not there.
async fn name(context: &Context, id: &str) -> Result<Option<String>> {
    match context.clients.ec2.describe_images().image_ids(id).send().await {
        Ok(answer) => Ok(answer.images().first().map(|image| image.name().unwrap_or_default().to_owned())),
        Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidAMIID.")) => Ok(None),
        Err(error) => Err(aws::describe(&format!("look at the parent image {id}"), &error).into()),
    }
}
