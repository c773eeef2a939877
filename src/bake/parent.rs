//! The image that the bake starts from, as an id.

use anyhow::Result;

use crate::aws;
use crate::context::Context;
use crate::error::{Failure, user};
use crate::recipe::ParentImage;

/// Resolves the recipe's parent image.
pub(super) async fn resolve(context: &Context) -> Result<String> {
    match &context.recipe.parent {
        ParentImage::Ami(id) => Ok(id.clone()),
        ParentImage::SsmParameter(name) => parameter(context, name).await,
    }
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
