//! `RunInstances`, once: the client token makes a repeated call answer the same instance.

use anyhow::Result;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceMetadataTagsState, InstanceType,
    ResourceType, Tag, TagSpecification, VolumeType,
};
use sha2::{Digest as _, Sha256};

use crate::aws;
use crate::context::Context;
use crate::error::{Failure, cloud};
use crate::images::BakedImage;
use crate::tags;
use crate::user_data::UserData;

/// Runs one instance of `image` and answers its id, as soon as EC2 has accepted it.
///
/// `deployment` is the tag by which a later run finds the instance, and what the token is made of: however often this is asked
/// within one deployment, there is one instance.
pub async fn run(
    context: &Context,
    image: &BakedImage,
    user_data: &UserData,
    deployment: (&str, &str),
) -> Result<String> {
    let (tag, nonce) = deployment;
    let call = request(context, &image.image_id)
        .user_data(user_data.as_base64())
        .tag_specifications(tag_specification(image, tag))
        .client_token(token(tag, nonce));
    let answer = call.send().await.map_err(|error| {
        let attempted = format!("run an instance of {} {} ({})", image.service, image.version, image.image_id);
        aws::describe(&attempted, &error)
    })?;
    let started = answer.instances().first().and_then(|instance| instance.instance_id());
    Ok(started.ok_or_else(|| cloud("the answer to RunInstances names no instance"))?.to_owned())
}

/// Whether EC2 would run an instance of this image as the recipe asks for it. Nothing is run.
pub async fn dry_run(context: &Context, image_id: &str) -> Result<(), Failure> {
    let service = Tag::builder().key(tags::SERVICE).value(context.recipe.service.as_str()).build();
    let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(service).build();
    let call = request(context, image_id).dry_run(true).tag_specifications(tags);
    match call.send().await {
        Err(error) if error.code() != Some("DryRunOperation") => {
            Err(aws::describe(&format!("try a launch of {image_id}, without making one"), &error))
        }
        _ => Ok(()),
    }
}

/// What the recipe says of an instance, from whichever image.
fn request(context: &Context, image_id: &str) -> RunInstancesFluentBuilder {
    let environment = &context.environment;
    let profile = environment.instance_profile.as_ref();
    let groups = Some(environment.security_groups.clone()).filter(|groups| !groups.is_empty());
    context
        .clients
        .ec2
        .run_instances()
        .image_id(image_id)
        .min_count(1)
        .max_count(1)
        .instance_type(InstanceType::from(environment.instance_type.as_str()))
        .set_key_name(environment.key_pair.clone())
        .set_subnet_id(environment.subnet.clone())
        .set_security_group_ids(groups)
        .set_iam_instance_profile(profile.map(|name| IamInstanceProfileSpecification::builder().name(name).build()))
        .metadata_options(metadata_options())
        .block_device_mappings(root_volume(context))
}

/// A request that was smuggled through the service must not reach the role's credentials: tokens, and one hop.
fn metadata_options() -> InstanceMetadataOptionsRequest {
    InstanceMetadataOptionsRequest::builder()
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .http_tokens(HttpTokensState::Required)
        .http_put_response_hop_limit(1)
        .instance_metadata_tags(InstanceMetadataTagsState::Disabled)
        .build()
}

fn root_volume(context: &Context) -> BlockDeviceMapping {
    let volume = &context.recipe.volume;
    let disk = EbsBlockDevice::builder()
        .volume_size(i32::try_from(volume.size_gib).unwrap_or(i32::MAX))
        .volume_type(VolumeType::from(volume.kind.as_str()))
        .delete_on_termination(true)
        .build();
    BlockDeviceMapping::builder().device_name(&volume.device).ebs(disk).build()
}

/// Tags are given at creation, so that no instance of ours ever exists without them.
fn tag_specification(image: &BakedImage, deployment: &str) -> TagSpecification {
    let name = format!("{} {}", image.service, image.version);
    let version = image.version.to_string();
    let tags = [
        ("Name", name.as_str()),
        (tags::SERVICE, &image.service),
        (tags::VERSION, &version),
        (tags::DIGEST, &image.digest),
        (tags::COMMIT, &image.commit),
        (tags::DEPLOYMENT, deployment),
    ];
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder().resource_type(ResourceType::Instance).set_tags(Some(tags.into())).build()
}

/// 64 characters, EC2's limit.
fn token(deployment: &str, nonce: &str) -> String {
    let mut hash = Sha256::new();
    for part in [deployment, nonce] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
