//! Which old images can go, and their removal.
//!
//! The AMI goes last: until then a run that was killed is found by the next one, which goes on with it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::aws::{self, Clients};
use crate::bake;
use crate::context::Context;
use crate::copies::{self, Copy};
use crate::images::{self, BakedImage};
use crate::ledger::{Ending, Entry, Ledger};
use crate::prices;

/// EC2 looks at no more images in one call.
const LOOKED_AT_ONCE: usize = 10;

/// What can go, and what stays for which reasons; the newest version first.
#[derive(Debug)]
pub struct Plan {
    pub remove: Vec<Old>,
    pub keep: Vec<Kept>,
}

/// An image that nobody needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Old {
    pub version: Version,
    pub image_id: String,
    pub digest: String,
    /// Its copies in other regions, which go with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Copy>,
    /// Size of the volumes of its snapshots and of those of its copies, in GiB.
    pub gib: u32,
    /// What they cost in a month, at most.
    pub monthly_usd: f64,
}

/// An image that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    pub version: Version,
    pub image_id: String,
    pub reasons: Vec<String>,
}

/// Looks at all images of the service; changes nothing.
pub async fn plan(context: &Context, newest: usize) -> Result<Plan> {
    context.environment.must_own_images("prune")?;
    let images = images::find(context).await?;
    let copies = copies::find(context).await?;
    let needed = needed(context, &images, &copies).await?;
    let sizes = sizes(context, &images).await?;
    let versions: BTreeSet<&Version> = images.iter().map(|image| &image.version).collect();
    let new: BTreeSet<&Version> = versions.into_iter().rev().take(newest).collect();
    let mut plan = Plan { remove: Vec::new(), keep: Vec::new() };
    for image in &images {
        let copies: Vec<Copy> = copies.iter().filter(|copy| copy.is_of(image)).cloned().collect();
        let mut reasons = Vec::new();
        if new.contains(&image.version) {
            reasons.push(format!("one of the {newest} newest"));
        }
        if image.state == "pending" {
            reasons.push("it is being made".to_owned());
        }
        reasons.extend(needed.get(&image.image_id).into_iter().flatten().cloned());
        for Copy { region, image } in &copies {
            let why = needed.get(&image.image_id).into_iter().flatten();
            reasons.extend(why.map(|why| format!("in {region} {why}")));
        }
        let (version, image_id) = (image.version.clone(), image.image_id.clone());
        if reasons.is_empty() {
            let gib = sizes.get(&image_id).copied().unwrap_or_default() * (1 + u32::try_from(copies.len())?);
            let monthly_usd = prices::snapshots(gib).monthly_usd.unwrap_or_default();
            plan.remove.push(Old { version, image_id, digest: image.digest.clone(), copies, gib, monthly_usd });
        } else {
            plan.keep.push(Kept { version, image_id, reasons });
        }
    }
    Ok(plan)
}

/// Removes what the plan says, the oldest first. An image goes after its copies: it is by the image that the next run finds them.
pub async fn carry_out(context: &Context, plan: &Plan) -> Result<()> {
    let kept: BTreeSet<&Version> = plan.keep.iter().map(|kept| &kept.version).collect();
    for old in plan.remove.iter().rev() {
        let Old { version, image_id, digest, .. } = old;
        let mut stage = context.printer.stage(format!("Remove {} {version} ({image_id})", context.recipe.service));
        for Copy { region, image } in &old.copies {
            stage.update(format!("{} in {region}", image.image_id));
            let clients = context.clients.in_region(region);
            bake::remove_parameter(&clients, &bake::parameter(context.recipe.service.as_str(), version)).await?;
            bake::deregister(&clients, &image.image_id).await?;
        }
        // Another image of the version stays, and with it all that the version was made of.
        if !kept.contains(version) {
            bake::remove_version(context, version, digest, &mut stage).await?;
        }
        stage.update(image_id);
        bake::deregister(&context.clients, image_id).await?;
        stage.done("");
    }
    Ok(())
}

/// Why images and copies are needed, by their ids.
async fn needed(context: &Context, images: &[BakedImage], copies: &[Copy]) -> Result<BTreeMap<String, Vec<String>>> {
    let here = &context.environment.region;
    let mut needed = needed_in(context, &context.clients, here, images).await?;
    for region in copies::regions(context) {
        let there = copies.iter().filter(|copy| copy.region == region).map(|copy| copy.image.clone());
        let there: Vec<BakedImage> = there.collect();
        if !there.is_empty() {
            needed.extend(needed_in(context, &context.clients.in_region(region), region, &there).await?);
        }
    }
    Ok(needed)
}

/// Why images in one region are needed, by their ids. Every environment of the recipe that is there may have had one live.
pub(crate) async fn needed_in(
    context: &Context,
    clients: &Clients,
    region: &str,
    images: &[BakedImage],
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut needed = users(context, clients, images).await?;
    let target = context.environment.target;
    for environment in context.recipe.environments.values() {
        let is_there = environment.region == region && environment.target == target;
        if !is_there && environment.name != context.environment.name {
            continue;
        }
        let entries = Ledger::of_environment(context, clients, &environment.name).read().await?;
        for image in served(&entries) {
            let why = if environment.name == context.environment.name {
                "it served last, or before what does".to_owned()
            } else {
                format!("it served last in {}, or before what does", environment.name)
            };
            needed.entry(image).or_default().push(why);
        }
    }
    Ok(needed)
}

/// The images that served last, by the ledger: the live one, and the one that `veris rollback` would return to.
fn served(entries: &[Entry]) -> Vec<String> {
    let mut images: Vec<String> = Vec::new();
    for record in entries.iter().rev().map(|entry| &entry.record).filter(|record| record.ended_as(Ending::Live)) {
        let image = record.task.as_ref().map(|task| &task.to.image_id);
        if let Some(image) = image.filter(|image| !images.contains(image)) {
            images.push(image.clone());
        }
    }
    images.truncate(2);
    images
}

/// The ARNs of instances, launch templates, parameters and recipes that use an image, by its id.
async fn users(context: &Context, clients: &Clients, images: &[BakedImage]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for some in images.chunks(LOOKED_AT_ONCE) {
        let ids = some.iter().map(|image| image.image_id.clone()).collect();
        let call = clients.ec2.describe_image_references();
        let pages = call.set_image_ids(Some(ids)).include_all_resource_types(true).into_paginator().items().send();
        let references = pages.collect::<Result<Vec<_>, _>>().await;
        let references = references.map_err(|error| aws::describe("list who uses the images", &error))?;
        for reference in references {
            let (Some(id), Some(arn)) = (reference.image_id, reference.arn) else { continue };
            // The version's own parameter goes with it, and `latest` names an image that stays.
            if !arn.contains(&format!(":parameter{}/", bake::folder(context.recipe.service.as_str()))) {
                users.entry(id).or_default().push(format!("used by {arn}"));
            }
        }
    }
    Ok(users)
}

async fn sizes(context: &Context, images: &[BakedImage]) -> Result<BTreeMap<String, u32>> {
    if images.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids = images.iter().map(|image| image.image_id.clone()).collect();
    let answer = context.clients.ec2.describe_images().set_image_ids(Some(ids)).send().await;
    let answer = answer.map_err(|error| aws::describe("look at the images", &error))?;
    Ok(answer.images().iter().filter_map(|image| Some((image.image_id.clone()?, images::gib(image)))).collect())
}
