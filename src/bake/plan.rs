//! The plan of a bake: everything that will be uploaded and created, and its digest. Making it changes nothing in any cloud.

use std::path::PathBuf;

use anyhow::Result;
use semver::Version;

use super::contents::{self, Artifacts, Source};
use super::parent;
use crate::component::Component;
use crate::context::Context;
use crate::digest::{FileInput, Inputs, Sha256Digest, VolumeInput};
use crate::guest_binary;
use crate::lock::Pin;
use crate::manifest::Manifest;
use crate::recipe::{Recipe, ServiceName};

/// What a bake will do.
#[derive(Debug)]
pub(super) struct Plan {
    pub service: ServiceName,
    pub version: Version,
    pub digest: Sha256Digest,
    pub commit: String,
    /// The image to start from.
    pub parent: Pin,
    /// In the order in which they run.
    pub components: Vec<Component>,
    pub artifacts: Vec<Artifact>,
    /// What is baked, as it is told about the image.
    pub manifest: Manifest,
    /// Whether an instance that fails is left running. It is no input of the digest: the image is the same.
    pub keep_on_failure: bool,
}

/// A file that is uploaded.
#[derive(Debug, Clone)]
pub(super) struct Artifact {
    pub content: Content,
    /// Its key in the bucket, which holds the digest of its content.
    pub key: String,
    pub sha256: Sha256Digest,
}

/// Where an artifact's bytes are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// In a file here.
    File(PathBuf),
    /// The bake itself made them.
    Text(String),
}

/// Compiles, renders and digests.
pub(super) async fn make(
    context: &Context,
    version: Version,
    (commit, keep_on_failure): (String, bool),
) -> Result<Plan> {
    let recipe = &context.recipe;
    // Before minutes of compiling: the parent may have to be pinned first.
    let parent = parent::of_bake(context).await?;
    let binary = compile(context).await?;
    let crates = guest_binary::crates(&context.project, &recipe.artifact.package).await?;
    let mut artifacts = Artifacts::read(&context.project, recipe, binary)?;
    let manifest = contents::manifest(recipe, &version, &parent, (&artifacts, crates));
    artifacts.add_documents(&manifest)?;
    let variables = artifacts.variables(recipe, &context.environment.bucket, &parent);
    let load = |path: &PathBuf| Component::load(&context.project, path, &recipe.service, &variables);
    let components = recipe.components.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let digest = inputs(recipe, &version, &parent.image, (&artifacts, &components)).digest();
    let service = recipe.service.clone();
    let artifacts = artifacts.into_list();
    Ok(Plan { service, version, digest, commit, parent, components, artifacts, manifest, keep_on_failure })
}

async fn compile(context: &Context) -> Result<PathBuf> {
    let package = &context.recipe.artifact.package;
    let mut stage = context.printer.stage(format!("compile {package}"));
    let binary = guest_binary::compile(&context.project, package, &mut |line| stage.update(line)).await?;
    guest_binary::check_glibc(&binary, context.recipe.glibc)?;
    stage.done("");
    Ok(binary)
}

fn inputs(recipe: &Recipe, version: &Version, parent: &str, made: (&Artifacts, &[Component])) -> Inputs {
    let (artifacts, components) = made;
    let input = |name: &str, mode: Option<&String>, sha256: &Sha256Digest| FileInput {
        name: name.to_owned(),
        mode: mode.cloned(),
        sha256: sha256.clone(),
    };
    let file = |(path, mode, it): &(String, String, Source)| input(path, Some(mode), &it.artifact.sha256);
    Inputs {
        service: recipe.service.to_string(),
        version: version.clone(),
        parent_image: parent.to_owned(),
        volume: VolumeInput {
            device: recipe.volume.device.clone(),
            size_gib: recipe.volume.size_gib,
            kind: recipe.volume.kind.as_str().to_owned(),
            encryption: recipe.volume.encryption.as_ref().map(|key| key.as_str().to_owned()),
        },
        binary: input(&recipe.artifact.install_path, None, &artifacts.binary.artifact.sha256),
        components: components.iter().map(|it| input(&it.name, None, &Sha256Digest::of(&it.text))).collect(),
        units: artifacts.units.iter().map(|(name, it)| input(name, None, &it.artifact.sha256)).collect(),
        files: artifacts.files.iter().map(file).collect(),
    }
}
