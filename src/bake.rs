//! Baking: from the sources of a service to a tagged AMI.
//!
//! [`plan`](self::plan) compiles, renders and digests, and changes nothing anywhere. Only if no image has the digest is anything created, and
//! each thing is noted in [`undo`](self::undo) before it is: a bake that fails or is interrupted takes back what it made.

mod baked;
mod configuration;
mod contents;
mod create;
mod explain;
mod follow;
mod leftovers;
mod names;
mod outcome;
mod parent;
mod plan;
mod remove;
mod source;
mod timeline;
mod undo;
mod upload;
mod verify;

use std::time::Instant;

use anyhow::Result;
use semver::Version;

pub use self::baked::{Baked, StageTime};
pub use self::explain::Explained;
use self::leftovers::Found;
use self::names::Names;
use self::plan::Plan;
use self::undo::Undo;
use crate::check::{self, Scope};
use crate::context::Context;
use crate::error::{Failure, user};
use crate::images::{self, BakedImage};
use crate::interrupt::Shield;
use crate::lock::Pin;

/// How to bake.
#[derive(Debug, Default)]
pub struct Options {
    /// The version to bake, instead of the recipe's own.
    pub version: Option<Version>,
    /// Whether files may differ from the commit outside the local environment as well.
    pub allow_dirty: bool,
}

/// What the recipe's parent image means now, whatever its lock pins.
pub async fn newest_parent(context: &Context) -> Result<Pin> {
    parent::newest(context).await
}

/// What changed since the newest image was baked. Nothing is created.
pub async fn explain(context: &Context, options: Options) -> Result<Explained> {
    check(context).await?;
    explain::changes(context, &plan(context, options).await?).await
}

async fn plan(context: &Context, options: Options) -> Result<Plan> {
    let commit = source::commit(context, options.allow_dirty).await?;
    let version = options.version.unwrap_or_else(|| context.recipe.version.clone());
    plan::make(context, version, commit).await
}

/// Bakes one version. If an image of exactly these inputs exists, nothing is created.
pub async fn bake(context: &Context, options: Options) -> Result<Baked> {
    let started = Instant::now();
    check(context).await?;
    let plan = plan(context, options).await?;
    let images = images::find(&context.clients, &context.recipe).await?;
    if let Some(image) = images.iter().find(|image| image.digest == plan.digest.as_str() && image.state == "available")
    {
        context.printer.talk(format_args!("version {} is baked already as {}", image.version, image.image_id));
        return Ok(Baked::found(image, started.elapsed()));
    }
    if let Some(other) = images.iter().find(|image| image.version == plan.version) {
        return Err(taken(&plan, other, &images).into());
    }
    let shield = context.interrupt.shield();
    let mut undo = Undo::default();
    match Box::pin(build(context, &plan, &shield, &mut undo)).await {
        Ok((image_id, stages)) => Ok(Baked::created(&plan, image_id, stages, started.elapsed())),
        Err(error) => Err(undo.run(context, error).await),
    }
}

/// Says everything that is wrong with what the bake reads. Errors end it before anything is compiled or sent.
async fn check(context: &Context) -> Result<()> {
    let (project, recipe) = (context.project.clone(), context.recipe.path.clone());
    let report = check::watched(Scope::Project { project, recipe: Some(recipe) }, &context.printer).await?;
    for finding in &report.findings {
        context.printer.talk(format_args!("{finding}\n"));
    }
    if report.has_errors() {
        let message = format!("the bake would fail: {}", report.summary);
        return Err(user(message).hint("correct what is named above; `veris check` looks again").into());
    }
    Ok(())
}

/// Everything that changes the cloud.
async fn build(context: &Context, plan: &Plan, shield: &Shield, undo: &mut Undo) -> Result<(String, Vec<StageTime>)> {
    let names = Names::new(context, &plan.version).await?;
    let image_arn = match leftovers::find(context, &names, plan).await? {
        Found::UnderWay(arn) => {
            let version = &plan.version;
            context
                .printer
                .talk(format_args!("version {version} is being baked already as {arn}; Ctrl-C leaves it running"));
            arn
        }
        Found::Nothing => Box::pin(start(context, plan, &names, (shield, undo))).await?,
        Found::Remains(remains) => {
            leftovers::clear(context, remains).await?;
            Box::pin(start(context, plan, &names, (shield, undo))).await?
        }
    };
    let (image_id, stages) = Box::pin(follow::until_available(context, &image_arn, shield)).await?;
    shield.run(verify::tags(context, plan, &image_id)).await?;
    outcome::keep(context, plan, &image_id, &stages).await;
    Ok((image_id, stages))
}

/// Uploads the artifacts, creates every resource, and has Image Builder start. Returns the image's build version ARN.
async fn start(context: &Context, plan: &Plan, names: &Names, (shield, undo): (&Shield, &mut Undo)) -> Result<String> {
    shield.run(Box::pin(upload::all(context, plan, undo))).await?;
    create::image(context, plan, names, (shield, undo)).await
}

/// A version means one image for ever.
fn taken(plan: &Plan, other: &BakedImage, images: &[BakedImage]) -> Failure {
    let newest = images.iter().map(|image| &image.version).max().unwrap_or(&plan.version);
    let next = Version::new(newest.major, newest.minor, newest.patch + 1);
    if other.digest == plan.digest.as_str() {
        return user(format!(
            "version {} exists as {}, but the image is {}",
            plan.version, other.image_id, other.state
        ))
        .hint("wait until it is available, or deregister it and bake again");
    }
    user(format!(
        "version {} was baked already as {} from other inputs (digest {:.12}, now {:.12})",
        plan.version, other.image_id, other.digest, plan.digest
    ))
    .hint(format!("bake the changes as a new version: `veris bake --version {next}`"))
}
