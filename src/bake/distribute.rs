//! Brings an image to where the recipe says: copies in other regions with parameters of their own, and accounts that may launch it.
//!
//! What is there already is left alone, so that the next bake goes on where one was ended. Nothing has to be remembered: a copy has
//! the tags of its image from its first moment, and a region has each name once.

use std::time::{Duration, Instant};

use anyhow::Result;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types::{
    Image, ImageAttributeName, ImageState, ImdsSupportValues, LaunchPermission, LaunchPermissionModifications,
    PermissionGroup, ResourceType, Tag, TagSpecification,
};

use super::baked::{StageTime, rounded};
use super::publish;
use super::remove;
use crate::aws::{self, Clients};
use crate::context::Context;
use crate::copies;
use crate::environment::Target;
use crate::error::{Failure, cloud};
use crate::images::{self, BakedImage};
use crate::recipe::EncryptionKey;
use crate::wait::{self, Patience, Seen};

/// AWS makes no promise how long a copy takes.
const DEADLINE: Duration = Duration::from_hours(3);

/// Copies and shares the image, as far as that is not done. Returns how long each copy took that was waited for.
pub(super) async fn image(context: &Context, image: &BakedImage) -> Result<Vec<StageTime>> {
    if context.recipe.distribution.is_empty() {
        return Ok(Vec::new());
    }
    Box::pin(spread(context, image)).await.map_err(|error| {
        let again = format!("{} is made and stays; the next `veris bake` goes on with the rest", image.image_id);
        let error = error.downcast().map_or_else(|error| error, |failure: Failure| failure.and_hint(again).into());
        error.context(format!("version {} is not everywhere where the recipe wants it", image.version))
    })
}

async fn spread(context: &Context, image: &BakedImage) -> Result<Vec<StageTime>> {
    share(context, &context.clients, (&context.environment.region, &image.image_id)).await?;
    // All copies are begun before the first is waited for: each takes minutes.
    let mut copies = Vec::new();
    for region in copies::regions(context) {
        let clients = context.clients.in_region(region);
        let begun = Instant::now();
        let (id, is_new) = copy(context, &clients, region, image).await?;
        copies.push((region, clients, id, is_new.then_some(begun)));
    }
    let mut times = Vec::new();
    for (region, clients, id, begun) in copies {
        let mut stage = context.printer.stage(format!("copy to {region}"));
        let what = format!("{id} is available");
        let copy = wait::until(patience(context), &what, &mut stage, async || look(&clients, &id).await).await?;
        stage.done(&id);
        if let Some(begun) = begun {
            times.push(StageTime { name: format!("copy to {region}"), seconds: rounded(begun.elapsed()) });
        }
        // AWS does not say whether a copy keeps this. Whatever is launched here asks for it itself.
        if copy.imds_support() != Some(&ImdsSupportValues::V20) {
            let talk = format!("warning: {id} in {region} does not ask for IMDSv2, as its original does");
            context.printer.talk(talk);
        }
        share(context, &clients, (region, &id)).await?;
        let all = copies::in_region(context, &clients).await?;
        if let Some(copy) = all.iter().find(|copy| copy.image_id == id) {
            publish::image(context, &clients, copy, &all).await;
        }
    }
    Ok(times)
}

fn patience(context: &Context) -> Patience {
    let every = match context.environment.target {
        Target::Local => Duration::from_millis(100),
        Target::Aws => Duration::from_secs(5),
    };
    Patience { deadline: DEADLINE, every, streak: 1 }
}

/// The id of the image's copy in this region, and whether it was begun now.
async fn copy(context: &Context, clients: &Clients, region: &str, image: &BakedImage) -> Result<(String, bool)> {
    if let Some(copy) = existing(context, clients, image).await? {
        return Ok((copy, false));
    }
    let original = images::describe_one(&context.clients, &image.image_id).await?;
    let volume = &context.recipe.volume;
    let tags: Vec<Tag> = original.tags().iter().filter(|tag| is_ours(tag)).cloned().collect();
    let tagged = |kind| TagSpecification::builder().resource_type(kind).set_tags(Some(tags.clone())).build();
    let call = clients.ec2.copy_image();
    let call = call.name(original.name().unwrap_or(&image.image_id)).set_description(original.description.clone());
    let call = call.source_region(&context.environment.region).source_image_id(&image.image_id);
    let key = volume.encryption.as_ref().and_then(EncryptionKey::named);
    let call = call.set_encrypted(volume.encryption.as_ref().map(|_| true)).set_kms_key_id(key.map(str::to_owned));
    let answer = call
        .tag_specifications(tagged(ResourceType::Image))
        .tag_specifications(tagged(ResourceType::Snapshot))
        .send()
        .await;
    match answer {
        Ok(answer) => match answer.image_id {
            Some(id) => Ok((id, true)),
            None => Err(cloud(format!("EC2 did not name the copy of {} in {region}", image.image_id)).into()),
        },
        // Another run, or one that was killed, has begun it a moment ago, and it was not to be seen yet.
        Err(error) if error.code() == Some("InvalidAMIName.Duplicate") => {
            let mut stage = context.printer.stage(format!("look for the copy in {region}"));
            let what = format!("EC2 shows the copy of {} in {region}", image.image_id);
            let id = wait::until(patience(context), &what, &mut stage, async || {
                let found = existing(context, clients, image).await?;
                Ok(found.map_or_else(|| Seen::NotYet("it does not".to_owned()), Seen::Good))
            })
            .await?;
            stage.done(&id);
            Ok((id, false))
        }
        Err(error) => Err(aws::describe(&format!("copy {} to {region}", image.image_id), &error).into()),
    }
}

/// Tags that begin with `aws:` are AWS's own, and Image Builder's name what there is in one region.
fn is_ours(tag: &Tag) -> bool {
    tag.key().is_some_and(|key| key.starts_with("veris:"))
}

/// A copy that has failed is removed: it would be taken for one for ever, and has the name.
async fn existing(context: &Context, clients: &Clients, image: &BakedImage) -> Result<Option<String>> {
    let all = copies::in_region(context, clients).await?;
    let mut found = None;
    for copy in all.into_iter().filter(|copy| copy.version == image.version && copy.digest == image.digest) {
        if matches!(copy.state.as_str(), "failed" | "error" | "invalid") {
            remove::deregister(clients, &copy.image_id).await?;
        } else {
            found = Some(copy.image_id);
        }
    }
    Ok(found)
}

async fn look(clients: &Clients, id: &str) -> Result<Seen<Image>> {
    let image = match images::describe_one(clients, id).await {
        Ok(image) => image,
        Err(error) => return Ok(Seen::NotYet(format!("{error:#}"))),
    };
    match image.state() {
        Some(ImageState::Available) => Ok(Seen::Good(image)),
        Some(ImageState::Pending) | None => Ok(Seen::NotYet("it is pending".to_owned())),
        Some(state) => {
            let why = image.state_reason().and_then(|reason| reason.message()).unwrap_or("EC2 does not say why");
            Err(cloud(format!("the copy {id} is {state}: {why}")).into())
        }
    }
}

/// Lets the recipe's accounts launch the image. Others that may are told of, and everybody is never let in.
async fn share(context: &Context, clients: &Clients, (region, id): (&str, &str)) -> Result<()> {
    let accounts = &context.recipe.distribution.accounts;
    if accounts.is_empty() {
        return Ok(());
    }
    let attribute = clients.ec2.describe_image_attribute().image_id(id).attribute(ImageAttributeName::LaunchPermission);
    let found = attribute.send().await.map_err(|error| aws::describe(&format!("ask who may launch {id}"), &error))?;
    let permissions = found.launch_permissions();
    if permissions.iter().any(|permission| permission.group() == Some(&PermissionGroup::All)) {
        let take =
            format!("aws ec2 reset-image-attribute --region {region} --image-id {id} --attribute launchPermission");
        return Err(cloud(format!("{id} is public: anybody can launch it, and read what is in it"))
            .hint(format!("nothing here has done that; `{take}` takes it back"))
            .into());
    }
    let has: Vec<&str> = permissions.iter().filter_map(LaunchPermission::user_id).collect();
    for stranger in has.iter().filter(|account| !accounts.iter().any(|wanted| wanted == *account)) {
        let talk = format!("warning: account {stranger} may launch {id} in {region}, and the recipe does not name it");
        context.printer.talk(talk);
    }
    let missing: Vec<&String> = accounts.iter().filter(|account| !has.contains(&account.as_str())).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|account| account.as_str()).collect::<Vec<_>>().join(", ");
    let stage = context.printer.stage(format!("let {names} launch {id} in {region}"));
    let add = missing.into_iter().map(|account| LaunchPermission::builder().user_id(account).build()).collect();
    let change = LaunchPermissionModifications::builder().set_add(Some(add)).build();
    let answer = clients.ec2.modify_image_attribute().image_id(id).launch_permission(change).send().await;
    answer.map_err(|error| aws::describe(&format!("let {names} launch {id} in {region}"), &error))?;
    stage.done("");
    Ok(())
}
