//! Whether the disk of an image is clean, read from its snapshot: no instance is launched for it, and nothing in the image can lie.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use disk_audit::{Digest, Expected, Finding, Options, Outcome, Owner, Progress};
use serde::Serialize;

use super::baked::rounded;
use super::canaries;
use super::journal::Release;
use crate::aws;
use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::error::{Failure, cloud, internal, user};
use crate::manifest::{self, DiskProof, InputKind, Manifest};
use crate::printer::Stage;
use crate::snapshot_disk::SnapshotDisk;

/// What a disk was found to be.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskReport {
    pub snapshot_id: String,
    pub seconds: f64,
    /// Names of what was looked for and must be nowhere.
    pub canaries: Vec<String>,
    #[serde(flatten)]
    pub report: disk_audit::Report,
}

/// Proves that the disk of a finished image is clean. Findings are an error; so is a disk that cannot be read, but then the image stays.
pub(super) async fn prove(context: &Context, release: &Release, image_id: &str) -> Result<DiskProof> {
    let mut stage = context.printer.stage(format!("read the disk of {image_id}"));
    let Release { service, version, digest, .. } = release;
    let reading = async {
        let record = manifest::record_of(context, service, version, digest.as_str()).await?;
        read(context, image_id, &record.manifest, &mut stage).await
    };
    let found = reading.await.map_err(|error| unproven(image_id, error))?;
    if !found.report.is_clean() {
        stage.fail("it is not clean");
        return Err(unclean(release, &found).into());
    }
    let disk_audit::Report { files, bytes_read, checks, .. } = &found.report;
    stage.done(format!("clean, {files} files and {} MiB", bytes_read >> 20));
    Ok(DiskProof::Clean { rules: checks.len(), files: *files, bytes_read: *bytes_read })
}

/// Reads the disk of an image, and holds it against the rules for all images and against the image's own manifest.
pub async fn read(context: &Context, image_id: &str, manifest: &Manifest, stage: &mut Stage) -> Result<DiskReport> {
    let started = Instant::now();
    let snapshot_id = snapshot_of(context, image_id).await?;
    let disk = SnapshotDisk::open(&context.clients.ebs, &snapshot_id).await?;
    let canaries = canaries::of(context).await;
    let names = canaries.iter().map(|canary| canary.name().to_owned()).collect();
    let (heard, hearing) = progress();
    let options = Options {
        canaries,
        expected: expected(manifest)?,
        progress: Some(Box::new(move |progress| {
            *hearing.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
        })),
        ..Options::default()
    };
    let show = move |fetched: u64| {
        let progress = *heard.lock().unwrap_or_else(PoisonError::into_inner);
        let total = progress.and_then(|progress| progress.total_bytes).filter(|total| *total > 0);
        let read = progress.map_or(0, |progress| progress.bytes);
        // Where nothing is overwritten each change is a line.
        match total {
            Some(total) => format!("{} % of {} MiB", (read * 10 / total) * 10, total >> 20),
            None => format!("its directories, {} MiB", (fetched >> 26) << 6),
        }
    };
    let report = disk.read_with(stage, show, move |disk| disk_audit::audit(disk, &options)).await?;
    Ok(DiskReport { snapshot_id, seconds: rounded(started.elapsed()), canaries: names, report })
}

type Heard = Arc<Mutex<Option<Progress>>>;

/// How far an audit is: for whoever shows it, and for the thread that tells it.
fn progress() -> (Heard, Heard) {
    let heard = Heard::default();
    (Arc::clone(&heard), heard)
}

/// The snapshot of the root volume.
async fn snapshot_of(context: &Context, image_id: &str) -> Result<String> {
    let answer = context.clients.ec2.describe_images().image_ids(image_id).send().await;
    let answer = answer.map_err(|error| aws::describe(&format!("look at {image_id}"), &error))?;
    let image = answer.images().first();
    let root = image.and_then(|image| {
        let is_root = |name: Option<&str>| name == image.root_device_name();
        image.block_device_mappings().iter().find(|device| is_root(device.device_name()))
    });
    let snapshot = root.and_then(|device| device.ebs()).and_then(|ebs| ebs.snapshot_id());
    Ok(snapshot.ok_or_else(|| cloud(format!("EC2 names no snapshot of the root volume of {image_id}")))?.to_owned())
}

/// The service's own files, as the manifest has them.
fn expected(manifest: &Manifest) -> Result<Vec<Expected>, Failure> {
    let inputs = manifest.inputs.iter().filter(|input| input.kind != InputKind::Component);
    let inputs = inputs.map(|input| (input.name.clone(), input.sha256.clone(), input.mode()));
    let documents = Manifest::documents_in_image(&manifest.service).into_iter().zip(manifest.documents());
    let documents = documents.map(|(path, (_, sha256))| (path, sha256, Some("0644")));
    let unreadable = |path: &str| internal(format!("the manifest says of `{path}` what cannot be understood"));
    let file = |(path, sha256, mode): (String, Sha256Digest, Option<&str>)| -> Result<Expected, Failure> {
        let sha256 = sha256.as_str().parse::<Digest>().map_err(|error| unreadable(&path).source(error))?;
        let mode = mode.map(|mode| u16::from_str_radix(mode, 8)).transpose();
        let mode = mode.map_err(|error| unreadable(&path).source(error))?;
        // What root runs or reads may be changed by nobody else.
        Ok(Expected { path, sha256: Some(sha256), mode, owner: Some(Owner { uid: 0, gid: 0 }) })
    };
    inputs.chain(documents).map(file).collect()
}

impl DiskReport {
    /// One line for each finding.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for check in &self.report.checks {
            if let Outcome::Fail(findings) = &check.outcome {
                let line = |Finding { path, reason }: &Finding| format!("{}: {path}: {reason}", check.name);
                problems.extend(findings.iter().map(line));
            }
        }
        problems
    }
}

impl fmt::Display for DiskReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk_audit::Report { file_system, files, bytes_read, checks, .. } = &self.report;
        let (kind, mib) = (file_system.kind, bytes_read >> 20);
        write!(f, "the disk is clean: {} rules, {kind}, {files} files, {mib} MiB read", checks.len())
    }
}

fn unclean(release: &Release, found: &DiskReport) -> Failure {
    /// More lines would scroll the first ones away.
    const SHOWN: usize = 20;
    let problems = found.problems();
    let what = format!("failed to bake {} {}: the image's disk is not clean:", release.service, release.version);
    let more = problems.len().checked_sub(SHOWN + 1).map(|more| format!("and {} more", more + 1));
    let lines: Vec<String> = [what].into_iter().chain(problems.into_iter().take(SHOWN)).chain(more).collect();
    user(lines.join("\n  ")).hint("have a component of the recipe remove what is named, or not write it; `--skip-disk-check` bakes without looking")
}

/// Nothing is known of the disk. The image is made, and costs nothing to keep.
fn unproven(image_id: &str, error: anyhow::Error) -> Failure {
    let source = error.downcast::<Failure>().unwrap_or_else(|error| internal(format!("{error:#}")));
    cloud(format!("{image_id} is made, but whether its disk is clean is not known"))
        .hint("`veris bake` looks again, and makes nothing a second time; with `--skip-disk-check` it takes the image as it is")
        .spares_what_was_made()
        .source(source)
}
