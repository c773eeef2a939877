//! `RunInstances`: what was asked for is checked here, [`Compute::launch`](crate::compute::Compute::launch) does it.

use super::instances::{InstanceItem, Reservation};
use super::{Answer, Call, images, is_id, security_groups, tags, user_data};
use crate::compute::LaunchRequest;
use crate::fault::Fault;
use crate::service::kms_keys;
use crate::state::{Image, ImageState, State, Tags};
use crate::wire::query::Form;

/// The instance profile that exists without anybody having made it.
const PROFILE: &str = "local-instance-profile";

pub(super) async fn run_instances(call: &Call<'_>) -> Answer {
    let (request, volume_tags) = read(call)?;
    call.ready()?;
    let launched = call.cloud.compute.launch(request).await?;
    let id = launched.instance_id.clone();
    call.cloud.store.change(|state| {
        // A repeated client token answers an instance that has its tags already.
        if let Some(instance) = state.instances.get_mut(&id).filter(|instance| instance.volume_tags.is_empty()) {
            instance.volume_tags.extend(volume_tags);
        }
        Ok(())
    })?;
    let zone = call.zone();
    let item = call.cloud.store.read(|state| InstanceItem::of(state, &launched, &zone));
    call.answer(&Reservation::of(item))
}

fn read(call: &Call<'_>) -> Result<(LaunchRequest, Tags), Fault> {
    let form = &call.form;
    for count in ["MinCount", "MaxCount"] {
        if form.required(count)? != "1" {
            return Err(unsupported(
                "The local cloud launches one instance at a time: MinCount and MaxCount must be 1",
            ));
        }
    }
    let image = call.cloud.store.read(|state| image(state, call.region, form.required("ImageId")?))?;
    no_effect(form)?;
    let kinds = ["instance", "volume"];
    let volume = Volume::read(form, &image, call.region)?;
    let request = LaunchRequest {
        instance_type: instance_type(form.required("InstanceType")?)?,
        user_data: form.text("UserData").map(user_data::read).transpose()?,
        key_name: form.text("KeyName").map(ToOwned::to_owned),
        security_groups: groups(form)?,
        subnet_id: subnet(form)?,
        instance_profile: instance_profile(&form.structure("IamInstanceProfile"))?,
        volume_gib: volume.gib,
        kms_key: volume.kms_key,
        http_put_response_hop_limit: hop_limit(&form.structure("MetadataOptions"))?,
        client_token: client_token(form)?,
        tags: tags::specification(form, "instance", &kinds)?,
        agent_seed: None,
        image_id: image.image_id,
    };
    Ok((request, tags::specification(form, "volume", &kinds)?))
}

/// The region's image; `resolve:ssm:NAME` names it by a parameter.
fn image(state: &State, region: &str, text: &str) -> Result<Image, Fault> {
    let id = match text.strip_prefix("resolve:ssm:") {
        Some(name) => {
            let newest = state.parameters(region).get(name).and_then(|parameter| parameter.versions.last());
            newest.map(|version| version.value.as_str()).ok_or_else(|| {
                Fault::client("InvalidParameterValue", format!("The parameter '{name}' named by {text} does not exist"))
            })?
        }
        None => text,
    };
    let image = images::find(state.images(region), id)?;
    if image.state != ImageState::Available {
        return Err(images::unavailable(id));
    }
    Ok(image.clone())
}

/// Parameters whose only values here are those that are true anyway.
fn no_effect(form: &Form<'_>) -> Result<(), Fault> {
    let fixed = [
        ("InstanceInitiatedShutdownBehavior", "stop"),
        ("DisableApiTermination", "false"),
        ("DisableApiStop", "false"),
        ("EbsOptimized", "false"),
        ("Monitoring.Enabled", "false"),
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpEndpoint", "enabled"),
        ("MetadataOptions.HttpProtocolIpv6", "disabled"),
        ("MetadataOptions.InstanceMetadataTags", "disabled"),
    ];
    for (name, value) in fixed {
        if form.text(name).is_some_and(|given| given != value) {
            return Err(unsupported(format!("The local cloud knows {name}={value} only")));
        }
    }
    Ok(())
}

/// Any subnet is taken, so that a recipe's can be tried; only `capacity.json` tells them apart.
fn subnet(form: &Form<'_>) -> Result<Option<String>, Fault> {
    let subnet = form.text("SubnetId");
    if let Some(subnet) = subnet.filter(|subnet| !is_id(subnet, "subnet-")) {
        return Err(Fault::client("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet}' does not exist")));
    }
    Ok(subnet.map(ToOwned::to_owned))
}

/// Any type is taken that has the shape of AWS's.
pub(super) fn instance_type(text: &str) -> Result<String, Fault> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match text.split_once('.') {
        Some((family, size)) if is_word(family) && is_word(size) => Ok(text.to_owned()),
        _ => Err(Fault::client("InvalidParameterValue", format!("Invalid value '{text}' for InstanceType."))),
    }
}

fn groups(form: &Form<'_>) -> Result<Vec<String>, Fault> {
    let mut groups: Vec<String> = form.list("SecurityGroupId").into_iter().map(ToOwned::to_owned).collect();
    for name in form.list("SecurityGroup") {
        if name != security_groups::DEFAULT_GROUP_NAME {
            return Err(Fault::client("InvalidGroup.NotFound", format!("The security group '{name}' does not exist")));
        }
        groups.push(security_groups::DEFAULT_GROUP.to_owned());
    }
    if let Some(id) = groups.iter().find(|id| !is_id(id, "sg-")) {
        return Err(Fault::client("InvalidGroupId.Malformed", format!("Invalid id: \"{id}\" (expecting \"sg-...\")")));
    }
    if groups.is_empty() {
        groups.push(security_groups::DEFAULT_GROUP.to_owned());
    }
    Ok(groups)
}

fn instance_profile(form: &Form<'_>) -> Result<Option<String>, Fault> {
    let named = form.text("Name").map(|name| ("name", name, name));
    let by_arn = form.text("Arn").map(|arn| ("arn", arn, arn.rsplit('/').next().unwrap_or_default()));
    match named.or(by_arn) {
        None => Ok(None),
        Some((_, _, PROFILE)) => Ok(Some(PROFILE.to_owned())),
        Some((member, given, _)) => {
            let message = format!(
                "Value ({given}) for parameter iamInstanceProfile.{member} is invalid. \
                 Invalid IAM Instance Profile {member}; the local cloud has one, named {PROFILE}"
            );
            Err(Fault::client("InvalidParameterValue", message))
        }
    }
}

/// What is asked of the root volume. There are no other volumes.
#[derive(Default)]
struct Volume {
    gib: Option<u32>,
    kms_key: Option<String>,
}

impl Volume {
    fn read(form: &Form<'_>, image: &Image, region: &str) -> Result<Self, Fault> {
        let mut volume = Self::default();
        for device in form.structures("BlockDeviceMapping") {
            let name = device.required("DeviceName")?;
            if name != image.root_device {
                let root = &image.root_device;
                return Err(unsupported(format!(
                    "The local cloud has root volumes only: expected {root}, found {name}"
                )));
            }
            let ebs = device.structure("Ebs");
            ebs.ignore(&["VolumeType", "Iops", "Throughput", "SnapshotId"]);
            if ebs.text("DeleteOnTermination").is_some_and(|delete| delete != "true") {
                return Err(unsupported("The local cloud deletes root volumes with their instances"));
            }
            let (encrypted, key) = (ebs.parsed("Encrypted")?, ebs.text("KmsKeyId"));
            let kms_key = kms_keys::chosen(encrypted, key, image.kms_key.as_ref(), region)?;
            if kms_key.as_deref().is_some_and(|key| kms_keys::region_of(key) != Some(region)) {
                return Err(kms_keys::invalid(key.unwrap_or_default()));
            }
            volume = Self { gib: ebs.parsed("VolumeSize")?, kms_key };
        }
        if let Some(size) = volume.gib.filter(|size| *size < image.volume_gib) {
            let (snapshot, least) = (&image.snapshot_id, image.volume_gib);
            let message =
                format!("Volume of size {size}GB is smaller than snapshot '{snapshot}', expect size>= {least}GB");
            return Err(Fault::client("InvalidBlockDeviceMapping", message));
        }
        Ok(volume)
    }
}

/// Amazon Linux 2023's images ask for two hops.
fn hop_limit(form: &Form<'_>) -> Result<u8, Fault> {
    let limit = form.parsed("HttpPutResponseHopLimit")?.unwrap_or(2);
    if (1..=64).contains(&limit) {
        return Ok(limit);
    }
    Err(Fault::client("InvalidParameterValue", format!("HttpPutResponseHopLimit must be from 1 to 64, not {limit}")))
}

pub(super) fn client_token(form: &Form<'_>) -> Result<Option<String>, Fault> {
    let token = form.text("ClientToken");
    if token.is_some_and(|token| token.len() > 64 || !token.is_ascii()) {
        return Err(Fault::client("InvalidClientToken", "A client token is at most 64 ASCII characters long"));
    }
    Ok(token.map(ToOwned::to_owned))
}

fn unsupported(message: impl Into<String>) -> Fault {
    Fault::client("UnsupportedOperation", message)
}
