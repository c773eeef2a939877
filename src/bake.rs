//! Baking: from the sources of a service to a tagged AMI.
//!
//! [`plan`](self::plan) compiles, renders and digests, and changes nothing anywhere. Only if no image has the digest is anything created, and
//! each thing is noted in [`journal`](self::journal), on disk, before it is: a bake that fails or is interrupted takes back what it made, and one that was
//! killed is gone on with by the next.

mod audit;
mod baked;
mod canaries;
mod configuration;
mod contents;
mod create;
mod disk;
mod distribute;
mod explain;
mod follow;
mod journal;
mod kept;
mod leftovers;
mod names;
mod outcome;
mod parent;
mod plan;
mod publish;
mod remove;
mod retire;
mod source;
mod timeline;
mod upload;
mod verify;

use std::time::Instant;

use anyhow::Result;
use semver::Version;

pub use self::audit::{Check, audit};
pub use self::baked::{Baked, Begun, Detached, StageTime};
pub use self::disk::{DiskReport, read as read_disk};
pub use self::explain::Explained;
pub(crate) use self::journal::{Created as Thing, Kind, interrupted_here};
use self::journal::{Journal, Release};
pub use self::kept::{KeptInstance, kept, kept_among};
use self::leftovers::Found;
use self::names::Names;
use self::plan::Plan;
pub use self::publish::{folder, parameter};
pub(crate) use self::remove::{created as remove, image_builds, is_under_way};
pub use self::remove::{deregister, parameter as remove_parameter};
pub(crate) use self::retire::is_ours;
pub use self::retire::remove_version;
use crate::check::{self, Scope};
use crate::context::Context;
use crate::error::{Failure, cloud, is_expiry, spares_what_was_made, user};
use crate::images::{self, BakedImage};
use crate::interrupt::Shield;
use crate::lock::Pin;
use crate::manifest::{self, DiskProof};

/// How to bake.
#[derive(Debug, Default)]
pub struct Options {
    /// The version to bake, instead of the recipe's own.
    pub version: Option<Version>,
    /// Whether files may differ from the commit outside the local environment as well.
    pub allow_dirty: bool,
    /// Whether the image is taken as it is, without a look at its disk.
    pub skip_disk_check: bool,
    /// Whether the instance of a build or test that fails is left running.
    pub keep_on_failure: bool,
}

/// What the recipe's parent image means now, whatever its lock pins.
pub async fn newest_parent(context: &Context) -> Result<Pin> {
    parent::newest(context).await
}

/// The parent image that a bake would start from.
pub async fn parent(context: &Context) -> Result<Pin> {
    parent::of_bake(context).await
}

/// What changed since the newest image was baked. Nothing is created.
pub async fn explain(context: &Context, options: Options) -> Result<Explained> {
    check(context).await?;
    explain::changes(context, &plan(context, options).await?).await
}

async fn plan(context: &Context, options: Options) -> Result<Plan> {
    let commit = source::commit(context, options.allow_dirty).await?;
    let version = options.version.unwrap_or_else(|| context.recipe.version.clone());
    plan::make(context, version, (commit, options.keep_on_failure)).await
}

/// Bakes one version. If an image of exactly these inputs exists, nothing is created; if it is being baked, that is followed.
pub async fn bake(context: &Context, options: Options) -> Result<Baked> {
    let (started, skip) = (Instant::now(), options.skip_disk_check);
    let (plan, mut journal) = match prepare(context, options).await? {
        Prepared::Found(image) => {
            distribute::image(context, &image).await?;
            return Ok(Baked::found(&image, started.elapsed()));
        }
        Prepared::New(plan, journal) => (plan, journal),
    };
    let shield = context.interrupt.shield();
    let baking = async {
        let build = begin(context, &plan, &mut journal, &shield).await?;
        finish(context, &journal.release, &build, (&shield, skip)).await
    };
    let result = Box::pin(baking).await;
    let (image_id, mut stages) = end(context, journal, result).await?;
    stages.extend(distributed(context, &image_id, &shield).await?);
    Ok(Baked::created(&plan.release(), image_id, stages, started.elapsed()))
}

/// The image is made and proven, and no journal is needed any more: whatever happens now, it stays.
async fn distributed(context: &Context, image_id: &str, shield: &Shield) -> Result<Vec<StageTime>> {
    if context.recipe.distribution.is_empty() {
        return Ok(Vec::new());
    }
    let images = images::find(context).await?;
    match images.iter().find(|image| image.image_id == image_id) {
        Some(image) => shield.run(Box::pin(distribute::image(context, image))).await,
        None => Err(cloud(format!("EC2 does not show {image_id} any more")).hint("run `veris bake` again").into()),
    }
}

/// Has Image Builder begin, and leaves it alone.
pub async fn detach(context: &Context, options: Options) -> Result<Detached> {
    let started = Instant::now();
    let (plan, mut journal) = match prepare(context, options).await? {
        Prepared::Found(image) => return Ok(Detached::Found(Baked::found(&image, started.elapsed()))),
        Prepared::New(plan, journal) => (plan, journal),
    };
    let shield = context.interrupt.shield();
    let begun = Box::pin(begin(context, &plan, &mut journal, &shield)).await;
    match begun {
        Ok(build) => Ok(Detached::Begun(Begun::of(&journal.release, build))),
        Err(error) => Err(end::<()>(context, journal, Err(error)).await.expect_err("an error stays one")),
    }
}

/// Follows the build that an earlier run has begun, whatever the sources are by now.
pub async fn resume(context: &Context, options: Options) -> Result<Baked> {
    let (started, skip) = (Instant::now(), options.skip_disk_check);
    let version = options.version.unwrap_or_else(|| context.recipe.version.clone());
    let journal = Journal::reopen(context, &version).await?;
    let found = journal.and_then(|journal| Some((journal.build()?.to_owned(), journal)));
    let (build, journal) = found.ok_or_else(|| {
        user(format!("no bake of version {version} was left under way by this machine"))
            .hint("`veris bake` begins one, or goes on with one that had not come to its build; `veris images` shows what is baked")
    })?;
    let release = journal.release.clone();
    let shield = context.interrupt.shield();
    let result = Box::pin(finish(context, &release, &build, (&shield, skip))).await;
    // Whoever only looks on takes nothing back.
    if let Err(error) = &result
        && error.downcast_ref::<Failure>().is_some_and(Failure::is_interruption)
    {
        context.printer.talk(format_args!("{build} goes on; `veris bake --resume` follows it again"));
        return Err(Failure::interrupted("interrupted").into());
    }
    let (image_id, mut stages) = end(context, journal, result).await?;
    stages.extend(distributed(context, &image_id, &shield).await?);
    Ok(Baked::created(&release, image_id, stages, started.elapsed()))
}

/// What there is to do.
enum Prepared {
    /// Nothing.
    Found(BakedImage),
    New(Box<Plan>, Journal),
}

async fn prepare(context: &Context, options: Options) -> Result<Prepared> {
    context.environment.must_own_images("bake")?;
    check(context).await?;
    let skip = options.skip_disk_check;
    let mut plan = plan(context, options).await?;
    let images = images::find(context).await?;
    if let Some(found) = found(&plan, &images)? {
        conclude(context, &plan, &found, skip).await?;
        publish::image(context, &context.clients, &found, &images).await;
        return Ok(Prepared::Found(found));
    }
    let (journal, waited) = Journal::open(context, plan.release()).await?;
    if waited && let Some(found) = found(&plan, &images::find(context).await?)? {
        drop(journal);
        conclude(context, &plan, &found, skip).await?;
        return Ok(Prepared::Found(found));
    }
    // What was begun for another commit of the same inputs is gone on with as it is.
    plan.commit.clone_from(&journal.release.commit);
    Ok(Prepared::New(Box::new(plan), journal))
}

fn found(plan: &Plan, images: &[BakedImage]) -> Result<Option<BakedImage>, Failure> {
    let is_same = |image: &&BakedImage| image.digest == plan.digest.as_str() && image.state == "available";
    if let Some(image) = images.iter().find(is_same) {
        return Ok(Some(image.clone()));
    }
    match images.iter().find(|image| image.version == plan.version) {
        Some(other) => Err(taken(plan, other, images)),
        None => Ok(None),
    }
}

/// Ends a bake whose image is there. A bake that was killed, or that nobody waited for, has not looked at the image's disk: without its
/// outcome nothing is known of that.
async fn conclude(context: &Context, plan: &Plan, image: &BakedImage, skip_disk_check: bool) -> Result<()> {
    if manifest::outcome(context, image).await?.is_none() {
        let journal = Journal::reopen(context, &plan.version).await?;
        let ours = journal.filter(|journal| journal.release.digest == plan.digest);
        // Whoever had the journal until now may have ended the bake.
        if manifest::outcome(context, image).await?.is_none() {
            let (release, shield) = (plan.release(), context.interrupt.shield());
            let proving = Box::pin(prove(context, &release, &image.image_id, (&shield, skip_disk_check))).await;
            // Only the journal tells that this image is of a bake that has not ended, and may be taken back.
            let (proof, stages) = match ours {
                Some(journal) => end(context, journal, proving).await?,
                None => proving?,
            };
            outcome::keep(context, &release, &image.image_id, &stages, proof).await;
        }
    }
    journal::forget(context, &plan.version);
    context.printer.talk(format_args!("version {} is baked already as {}", image.version, image.image_id));
    Ok(())
}

/// What is known of the image's disk, and how long it took to know it.
async fn prove(
    context: &Context,
    release: &Release,
    image_id: &str,
    (shield, skip): (&Shield, bool),
) -> Result<(DiskProof, Vec<StageTime>)> {
    if skip {
        return Ok((DiskProof::Skipped, Vec::new()));
    }
    let started = Instant::now();
    let proof = shield.run(Box::pin(disk::prove(context, release, image_id))).await?;
    Ok((proof, vec![StageTime { name: "read the disk".to_owned(), seconds: baked::rounded(started.elapsed()) }]))
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

/// Uploads the artifacts, creates every resource, and has Image Builder begin, as far as no earlier run has done so. Returns the
/// image's build version ARN.
async fn begin(context: &Context, plan: &Plan, journal: &mut Journal, shield: &Shield) -> Result<String> {
    let version = &plan.version;
    if let Some(build) = journal.build() {
        let how =
            if plan.keep_on_failure { ", whose instances are kept only if it was begun to keep them" } else { "" };
        context.printer.talk(format_args!("the bake of version {version} goes on as {build}{how}"));
        return Ok(build.to_owned());
    }
    let names = Names::new(context, version).await?;
    if journal.can_go_on() {
        context.printer.talk(format_args!("the bake of version {version} goes on where an earlier run was ended"));
    } else {
        kept::remind(context).await?;
        let mut remains = journal.stale().to_vec();
        match leftovers::find(context, &names, plan).await? {
            Found::UnderWay(arn) => {
                let talk = format!("version {version} is being baked already as {arn}; Ctrl-C leaves it running");
                context.printer.talk(talk);
                return Ok(arn);
            }
            Found::Nothing => {}
            Found::Remains(found) => remains.extend(found),
        }
        if !remains.is_empty() {
            leftovers::clear(context, remains).await?;
        }
        journal.begin()?;
    }
    shield.run(Box::pin(upload::all(context, plan, journal))).await?;
    create::image(context, plan, &names, (shield, journal)).await
}

/// Follows the build to its end, and proves that its AMI is there and its disk clean.
async fn finish(
    context: &Context,
    release: &Release,
    build: &str,
    (shield, skip_disk_check): (&Shield, bool),
) -> Result<(String, Vec<StageTime>)> {
    let (image_id, mut stages) = Box::pin(follow::until_available(context, build, shield)).await?;
    shield.run(verify::tags(context, release, &image_id)).await?;
    let (proof, reading) = prove(context, release, &image_id, (shield, skip_disk_check)).await?;
    stages.extend(reading);
    outcome::keep(context, release, &image_id, &stages, proof).await;
    let images = images::find(context).await?;
    if let Some(image) = images.iter().find(|image| image.image_id == image_id) {
        publish::image(context, &context.clients, image, &images).await;
    }
    Ok((image_id, stages))
}

/// Ends the journal of a bake that has ended. What failed is taken back, unless nothing can be done without credentials.
async fn end<T>(context: &Context, journal: Journal, result: Result<T>) -> Result<T> {
    let error = match result {
        Ok(value) => {
            journal.end();
            return Ok(value);
        }
        Err(error) => error,
    };
    if spares_what_was_made(&error) && !is_expiry(&error) {
        return Err(error);
    }
    if !is_expiry(&error) {
        return Err(journal.take_back(context, error).await);
    }
    let goes_on = match journal.build() {
        Some(build) => format!("{build} goes on without this command"),
        None => "what was created stays for the next run".to_owned(),
    };
    Err(cloud(format!("the credentials expired during the bake; {goes_on}: {error:#}"))
        .expired()
        .hint("run `aws sso login`, then `veris bake`: it goes on where this one stopped")
        .into())
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
