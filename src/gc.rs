//! What bakes have left behind and nobody will ever use: found by names and tags, and removed.
//!
//! A bake removes what it made when it fails, and one that was killed is gone on with. What remains is what nobody came back to, what a
//! build on another machine left, and artifacts of versions that were pruned.

mod bucket;
mod builder;
mod copies;
mod parameters;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use semver::Version;
use serde::Serialize;

use crate::bake::{self, KeptInstance, Thing};
use crate::context::Context;
use crate::images;

/// What can go, and what stays although no image needs it.
#[derive(Debug, Default)]
pub struct Plan {
    pub remove: Vec<Orphan>,
    pub keep: Vec<Kept>,
}

/// Something that no image needs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// Its ARN, or the URI of an object.
    pub name: String,
    pub why: String,
    /// When it was made, as far as AWS tells.
    pub created: Option<Timestamp>,
    #[serde(skip)]
    thing: Thing,
}

impl Orphan {
    fn instance(kept: KeptInstance) -> Self {
        let KeptInstance { instance_id: name, version, launched: created, cost, .. } = kept;
        let why = format!("a failed bake of version {version} has kept it: {cost}");
        let thing = bake::Kind::Instance.named(name.clone());
        Self { name, why, created, thing }
    }
}

/// Something that may still be needed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    pub name: String,
    pub why: String,
}

/// Looks for orphans that are older than `age`; changes nothing.
pub async fn plan(context: &Context, age: Duration) -> Result<Plan> {
    context.environment.must_own_images("gc")?;
    let images = images::find(context).await?;
    let versions: BTreeSet<Version> = images.iter().map(|image| image.version.clone()).collect();
    let builder = builder::orphans(context, &versions).await?;
    let mut reasons: BTreeMap<Version, String> = BTreeMap::new();
    for version in builder.under_way {
        reasons.insert(version, "it is being baked".to_owned());
    }
    for version in bake::interrupted_here(context)? {
        let why = format!("its bake was interrupted on this machine; `veris bake --version {version}` goes on with it");
        reasons.entry(version).or_insert(why);
    }
    let parameters = parameters::orphans(context, (&context.clients, None), &versions).await?;
    let copies = copies::orphans(context, &versions).await?;
    let instances = bake::kept(context).await?.into_iter().map(|kept| (None, Orphan::instance(kept)));
    let bucket = bucket::orphans(context, &images, !reasons.is_empty()).await?;
    let mut plan = Plan { remove: Vec::new(), keep: bucket.keep };
    plan.keep.extend(copies.keep);
    let oldest = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN);
    for (version, orphan) in instances
        .chain(parameters)
        .chain(copies.orphans)
        .chain(builder.orphans)
        .chain(bucket.orphans.into_iter().map(|orphan| (None, orphan)))
    {
        let why = match version.and_then(|version| reasons.get(&version)) {
            Some(why) => why.clone(),
            None if orphan.created.is_some_and(|created| created > oldest) => "it is too new".to_owned(),
            None => {
                plan.remove.push(orphan);
                continue;
            }
        };
        plan.keep.push(Kept { name: orphan.name, why });
    }
    Ok(plan)
}

/// Removes what the plan says, in its order: nothing goes while another thing needs it.
pub async fn carry_out(context: &Context, plan: &Plan) -> Result<()> {
    let mut stage = context.printer.stage("remove what nobody needs");
    for orphan in &plan.remove {
        stage.update(&orphan.name);
        bake::remove(context, &orphan.thing).await?;
    }
    stage.done(format!("{} things", plan.remove.len()));
    Ok(())
}
