//! What the live instance is and the recipe does not say, or the other way round.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Result;
use aws_sdk_ec2::types::{GroupIdentifier, HttpTokensState, Instance as Ec2Instance, Tag, Volume};
use serde::Serialize;

use crate::context::Context;
use crate::env_file::{Change, EnvFile};
use crate::images::BakedImage;
use crate::instances::{self, Instance};
use crate::tags;

/// One difference, and what ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    pub what: &'static str,
    /// What the recipe says, or what was baked last.
    pub recipe: String,
    /// What the instance has.
    pub instance: String,
    pub cure: String,
}

/// The live instance as EC2 describes it.
pub(super) struct Seen<'a> {
    pub(super) live: &'a Instance,
    pub(super) machine: &'a Ec2Instance,
    pub(super) volumes: &'a [Volume],
    /// Newest first.
    pub(super) images: &'a [BakedImage],
}

/// Every difference; none where the instance is as a launch would make it now.
pub(super) async fn find(context: &Context, seen: &Seen<'_>) -> Vec<Drift> {
    let mut found = Vec::new();
    found.extend(instance_type(context, seen));
    found.extend(version(seen));
    found.extend(tags(seen));
    found.extend(security_groups(context, seen));
    found.extend(profile(context, seen));
    found.extend(key_pair(context, seen));
    found.extend(subnet(context, seen));
    found.extend(volume(context, seen));
    found.extend(metadata(seen));
    found.extend(settings(context, seen).await);
    found
}

impl Drift {
    /// A new instance is as the recipe says.
    fn until_launch(what: &'static str, recipe: impl Into<String>, instance: impl Into<String>) -> Self {
        Self { what, recipe: recipe.into(), instance: instance.into(), cure: "veris launch".to_owned() }
    }
}

fn instance_type(context: &Context, seen: &Seen) -> Option<Drift> {
    let (wanted, has) = (&context.environment.instance_types, &seen.live.instance_type);
    let is_wanted = wanted.in_order().any(|wanted| wanted == has);
    let cure = format!("veris resize {}", wanted.first);
    (!is_wanted).then(|| Drift { what: "instance type", recipe: wanted.to_string(), instance: has.clone(), cure })
}

/// Where another image was baked since, or the one that serves is no longer what was baked under its version.
fn version(seen: &Seen) -> Option<Drift> {
    let live = seen.live;
    let newest = seen.images.iter().find(|image| image.state == "available")?;
    let told = |version, digest: &str| format!("{version} (digest {})", crate::health::short(digest));
    let cure = format!("veris launch {}", newest.version);
    let (recipe, instance) = (told(&newest.version, &newest.digest), told(&live.version, &live.digest));
    let is_behind = newest.version > live.version || (newest.version == live.version && newest.digest != live.digest);
    is_behind.then_some(Drift { what: "version", recipe, instance, cure })
}

/// By its tags the instance is known; they are those of its image.
fn tags(seen: &Seen) -> Option<Drift> {
    let live = seen.live;
    let image = seen.images.iter().find(|image| image.image_id == live.image_id)?;
    let name = seen.machine.tags().iter().find(|tag| tag.key() == Some("Name")).and_then(Tag::value);
    let pairs = [
        (tags::VERSION, image.version.to_string(), live.version.to_string()),
        (tags::DIGEST, image.digest.clone(), live.digest.clone()),
        (tags::COMMIT, image.commit.clone(), live.commit.clone()),
        ("Name", format!("{} {}", image.service, image.version), name.unwrap_or("none").to_owned()),
    ];
    let differ: Vec<_> = pairs.into_iter().filter(|(_, wanted, has)| wanted != has).collect();
    let told = |value: fn(&(&str, String, String)) -> String| differ.iter().map(value).collect::<Vec<_>>().join(", ");
    let (recipe, instance) =
        (told(|(key, wanted, _)| format!("{key}={wanted}")), told(|(key, _, has)| format!("{key}={has}")));
    (!differ.is_empty()).then(|| Drift::until_launch("tags", recipe, instance))
}

fn security_groups(context: &Context, seen: &Seen) -> Option<Drift> {
    let wanted: BTreeSet<&str> = context.environment.security_groups.iter().map(String::as_str).collect();
    let has: BTreeSet<&str> = seen.machine.security_groups().iter().filter_map(GroupIdentifier::group_id).collect();
    let told = |groups: BTreeSet<&str>| groups.into_iter().collect::<Vec<_>>().join(", ");
    // Where the recipe names none, the network's default group is as good as any.
    (!wanted.is_empty() && wanted != has).then(|| Drift::until_launch("security groups", told(wanted), told(has)))
}

fn profile(context: &Context, seen: &Seen) -> Option<Drift> {
    let arn = seen.machine.iam_instance_profile().and_then(|profile| profile.arn());
    differs(
        "instance profile",
        context.environment.instance_profile.as_deref(),
        arn.and_then(|arn| arn.rsplit('/').next()),
    )
}

fn key_pair(context: &Context, seen: &Seen) -> Option<Drift> {
    differs("key pair", context.environment.key_pair.as_deref(), seen.machine.key_name())
}

fn differs(what: &'static str, wanted: Option<&str>, has: Option<&str>) -> Option<Drift> {
    (wanted != has).then(|| Drift::until_launch(what, wanted.unwrap_or("none"), has.unwrap_or("none")))
}

fn subnet(context: &Context, seen: &Seen) -> Option<Drift> {
    let (wanted, has) = (&context.environment.subnets, seen.machine.subnet_id().unwrap_or("none"));
    let is_wanted = wanted.is_empty() || wanted.iter().any(|subnet| subnet == has);
    (!is_wanted).then(|| Drift::until_launch("subnet", wanted.join(" or "), has))
}

fn volume(context: &Context, seen: &Seen) -> Option<Drift> {
    let wanted = &context.recipe.volume;
    let root = seen.machine.root_device_name();
    let devices = seen.machine.block_device_mappings();
    let device = devices.iter().find(|device| device.device_name() == root)?;
    let id = device.ebs()?.volume_id();
    let volume = seen.volumes.iter().find(|volume| volume.volume_id() == id)?;
    let kind = volume.volume_type()?.as_str();
    let has = format!("{} GiB {kind}", volume.size()?);
    let wanted = format!("{} GiB {}", wanted.size_gib, wanted.kind.as_str());
    (wanted != has).then(|| Drift::until_launch("root volume", wanted, has))
}

/// What every launch asks for, whatever the recipe says.
fn metadata(seen: &Seen) -> Option<Drift> {
    let options = seen.machine.metadata_options()?;
    let (tokens, hops) = (options.http_tokens(), options.http_put_response_hop_limit());
    let is_safe = tokens == Some(&HttpTokensState::Required) && hops == Some(1);
    let tokens = tokens.map_or("unknown", HttpTokensState::as_str);
    let has = format!("tokens {tokens}, {} hops", hops.unwrap_or_default());
    (!is_safe).then(|| Drift::until_launch("metadata options", "tokens required, 1 hops", has))
}

/// The names of settings that differ, where the project has the `.env` that a launch would take. A value is never shown.
async fn settings(context: &Context, seen: &Seen<'_>) -> Option<Drift> {
    if !context.project.join(".env").exists() {
        return None;
    }
    let differ = match changes(context, &seen.live.instance_id).await {
        Ok(changes) if changes.is_empty() => return None,
        Ok(changes) => {
            let names: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
            format!("others: {}", names.join(", "))
        }
        // Whatever is wrong with the file must not hide what is live.
        Err(error) => format!("some that cannot be compared: {error:#}"),
    };
    Some(Drift::until_launch("settings", "the project's .env", differ))
}

async fn changes(context: &Context, instance_id: &str) -> Result<Vec<Change>> {
    let next = EnvFile::find(None, &context.project)?.over(&context.environment.env)?;
    Ok(instances::user_data(&context.clients, instance_id).await?.env()?.changes_to(&next))
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, recipe, instance, cure } = self;
        write!(f, "{what}: the recipe says {recipe}, the instance has {instance}; `{cure}`")
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceMetadataOptionsResponse, InstanceType};

    use super::*;
    use crate::instances::State;

    #[test]
    fn what_was_baked_since_and_what_was_changed_by_hand_is_drift() {
        let image = |version: &str, image_id: &str| BakedImage {
            service: "chat".to_owned(),
            version: version.parse().unwrap(),
            image_id: image_id.to_owned(),
            digest: format!("sha256:{}", version.repeat(20)),
            commit: "c".to_owned(),
            created: None,
            state: "available".to_owned(),
        };
        let images = [image("1.1.0", "ami-2"), image("1.0.0", "ami-1")];
        let live = Instance {
            instance_id: "i-1".to_owned(),
            instance_type: "t3.medium".to_owned(),
            state: State::Running,
            state_reason: None,
            public_ip: None,
            service: "chat".to_owned(),
            version: images[1].version.clone(),
            digest: images[1].digest.clone(),
            commit: "other".to_owned(),
            image_id: "ami-1".to_owned(),
            launched: None,
            deployment: None,
            promoted_at: None,
            rolled_back_at: None,
        };
        let options = InstanceMetadataOptionsResponse::builder().http_tokens(HttpTokensState::Optional);
        let machine = Ec2Instance::builder()
            .instance_type(InstanceType::T3Medium)
            .metadata_options(options.http_put_response_hop_limit(2).build())
            .tags(Tag::builder().key("Name").value("chat 1.0.0").build())
            .build();
        let seen = Seen { live: &live, machine: &machine, volumes: &[], images: &images };
        let told = [version(&seen), tags(&seen), metadata(&seen)].map(|drift| drift.unwrap().to_string());
        insta::assert_snapshot!(told.join("\n"), @"
        version: the recipe says 1.1.0 (digest 1.1.01.1.01.), the instance has 1.0.0 (digest 1.0.01.0.01.); `veris launch 1.1.0`
        tags: the recipe says veris:commit=c, the instance has veris:commit=other; `veris launch`
        metadata options: the recipe says tokens required, 1 hops, the instance has tokens optional, 2 hops; `veris launch`
        ");
    }
}
