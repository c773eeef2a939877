//! Proves that the AMI is there and carries its tags: everything later finds it by them.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_ec2::types::ImageState;

use super::journal::Release;
use crate::aws;
use crate::context::Context;
use crate::environment::Target;
use crate::error::cloud;
use crate::wait::{self, Patience, Seen};

/// Waits until EC2 shows the image available and tagged, several times in a row: EC2 may forget for a moment what it showed before.
pub(super) async fn tags(context: &Context, release: &Release, image_id: &str) -> Result<()> {
    let every = match context.environment.target {
        Target::Local => Duration::from_millis(50),
        Target::Aws => Duration::from_secs(2),
    };
    let patience = Patience { deadline: Duration::from_mins(5), every, streak: 3 };
    let mut stage = context.printer.stage(format!("verify {image_id}"));
    wait::until(patience, &format!("{image_id} is available with its tags"), &mut stage, async || {
        look(context, release, image_id).await
    })
    .await?;
    stage.done("");
    Ok(())
}

async fn look(context: &Context, release: &Release, image_id: &str) -> Result<Seen<()>> {
    // A filter and not an id: an image that is not visible yet is then an empty list instead of an error.
    let filter = aws_sdk_ec2::types::Filter::builder().name("image-id").values(image_id).build();
    let answer = context.clients.ec2.describe_images().owners("self").filters(filter).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        // The image is made. A hiccup now must not cost it.
        Err(error) => return Ok(Seen::NotYet(aws::describe(&format!("look at {image_id}"), &error).to_string())),
    };
    let Some(image) = answer.images().first() else { return Ok(Seen::NotYet("EC2 does not show it".to_owned())) };
    match image.state() {
        Some(ImageState::Available) => {}
        Some(state @ (ImageState::Failed | ImageState::Invalid | ImageState::Error | ImageState::Deregistered)) => {
            return Err(cloud(format!("{image_id} is {state}")).into());
        }
        state => return Ok(Seen::NotYet(format!("it is {}", state.map_or("without a state", ImageState::as_str)))),
    }
    let has =
        |key: &str, value: &str| image.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value));
    match release.tags().iter().find(|(key, value)| !has(key, value)) {
        Some((key, value)) => Ok(Seen::NotYet(format!("the tag `{key}` is not `{value}`"))),
        None => Ok(Seen::Good(())),
    }
}
