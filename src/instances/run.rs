//! `RunInstances`, until one place has a machine: the client token makes a repeated call answer the same instance.

use anyhow::Result;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceMetadataTagsState, InstanceType,
    ResourceType, Tag, TagSpecification, VolumeType,
};
use sha2::{Digest as _, Sha256};

use super::attempt::{Doubt, is_short_of_machines};
use crate::aws;
use crate::context::Context;
use crate::environment::Place;
use crate::error::{Failure, cloud, internal};
use crate::images::BakedImage;
use crate::tags;
use crate::user_data::UserData;

/// Runs one instance of `image` and answers its id, as soon as EC2 has accepted it.
///
/// `deployment` is the tag by which a later run finds the instance, and what the tokens are made of: however often this is asked
/// within one deployment, there is one instance. Where EC2 is short of machines the next place is tried; after an answer that leaves
/// open whether there is an instance, nothing is. `confirm` must agree before each attempt.
pub async fn run(
    context: &Context,
    image: &BakedImage,
    user_data: &UserData,
    deployment: (&str, &str),
    confirm: impl AsyncFn() -> Result<()>,
) -> Result<String> {
    let (tag, nonce) = deployment;
    let places = context.environment.places();
    let mut refusal = internal("an environment without a type of instances");
    for (attempt, place) in places.iter().enumerate() {
        confirm().await?;
        let doubt = Doubt::default();
        let call = request(context, &image.image_id, *place)
            .user_data(user_data.as_base64())
            .tag_specifications(tag_specification(image, tag))
            .client_token(token(tag, nonce, attempt));
        let error = match call.customize().interceptor(doubt.clone()).send().await {
            Ok(answer) => {
                let started = answer.instances().first().and_then(|instance| instance.instance_id());
                return Ok(started.ok_or_else(|| cloud("the answer to RunInstances names no instance"))?.to_owned());
            }
            Err(error) => error,
        };
        let BakedImage { service, version, image_id, .. } = image;
        refusal = aws::describe(&format!("run an instance of {service} {version} ({image_id}) as {place}"), &error);
        if doubt.is_there() || !is_short_of_machines(error.code()) {
            break;
        }
        if let Some(next) = places.get(attempt + 1) {
            let code = error.code().unwrap_or_default();
            context.printer.talk(format_args!("There is no {place} to be had ({code}); trying {next}."));
        }
    }
    Err(refusal.into())
}

/// Whether EC2 would run an instance of this image as the recipe asks for it. Nothing is run.
pub async fn dry_run(context: &Context, image_id: &str, place: Place<'_>) -> Result<(), Failure> {
    let service = Tag::builder().key(tags::SERVICE).value(context.recipe.service.as_str()).build();
    let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(service).build();
    let call = request(context, image_id, place).dry_run(true).tag_specifications(tags);
    match call.send().await {
        Err(error) if error.code() != Some("DryRunOperation") => {
            Err(aws::describe(&format!("try a launch of {image_id} as {place}, without making one"), &error))
        }
        _ => Ok(()),
    }
}

/// What the recipe says of an instance, from whichever image.
fn request(context: &Context, image_id: &str, place: Place<'_>) -> RunInstancesFluentBuilder {
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
        .instance_type(InstanceType::from(place.instance_type))
        .set_key_name(environment.key_pair.clone())
        .set_subnet_id(place.subnet.map(ToOwned::to_owned))
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

/// 64 characters, EC2's limit. Another attempt asks for something else, which EC2 would refuse under the same token.
fn token(deployment: &str, nonce: &str, attempt: usize) -> String {
    let mut hash = Sha256::new();
    for part in [deployment, nonce, &attempt.to_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
