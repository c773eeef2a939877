//! The plan of a bake: everything that will be uploaded and created, and its digest. Making it changes nothing in any cloud.

use std::path::{Path, PathBuf};

use anyhow::Result;
use semver::Version;

use super::parent;
use crate::component::Component;
use crate::context::Context;
use crate::digest::{FileInput, Inputs, Sha256Digest, VolumeInput};
use crate::error::{Failure, internal};
use crate::guest_binary;
use crate::lock::Pin;
use crate::recipe::{self, Recipe, ServiceName};
use crate::template::{self, Variables};

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
}

/// A file that build instances download.
#[derive(Debug)]
pub(super) struct Artifact {
    /// The file here.
    pub path: PathBuf,
    /// Its key in the bucket, which holds the digest of its content.
    pub key: String,
    pub sha256: Sha256Digest,
}

/// Compiles, renders and digests.
pub(super) async fn make(context: &Context, version: Version, commit: String) -> Result<Plan> {
    let recipe = &context.recipe;
    // Before minutes of compiling: it may have to be pinned first.
    let parent = parent::of_bake(context).await?;
    let binary = compile(context).await?;
    let artifacts = Artifacts::read(&context.project, recipe, binary)?;
    let variables = artifacts.variables(recipe, &context.environment.bucket, &parent);
    let load = |path: &PathBuf| Component::load(&context.project, path, &recipe.service, &variables);
    let components = recipe.components.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let digest = inputs(recipe, &version, &parent.image, (&artifacts, &components)).digest();
    let service = recipe.service.clone();
    Ok(Plan { service, version, digest, commit, parent, components, artifacts: artifacts.into_list() })
}

async fn compile(context: &Context) -> Result<PathBuf> {
    let package = &context.recipe.artifact.package;
    let mut stage = context.printer.stage(format!("compile {package}"));
    let binary = guest_binary::compile(&context.project, package, &mut |line| stage.update(line)).await?;
    guest_binary::check_glibc(&binary, context.recipe.glibc)?;
    stage.done("");
    Ok(binary)
}

/// The files of a bake while it is being planned. Units and files are sorted: their order in the recipe means nothing.
struct Artifacts {
    binary: Artifact,
    units: Vec<(String, Artifact)>,
    /// With path and mode in the image.
    files: Vec<(String, String, Artifact)>,
}

impl Artifacts {
    fn read(project: &Path, recipe: &Recipe, binary: PathBuf) -> Result<Self, Failure> {
        let service = &recipe.service;
        let unit = |path: &PathBuf| Ok((name_of(path), Artifact::read(service, project.join(path))?));
        let file = |file: &recipe::BakedFile| {
            Ok((file.path.clone(), file.mode.clone(), Artifact::read(service, project.join(&file.source))?))
        };
        let mut units = recipe.units.iter().map(unit).collect::<Result<Vec<_>, Failure>>()?;
        let mut files = recipe.files.iter().map(file).collect::<Result<Vec<_>, Failure>>()?;
        units.sort_by(|a, b| a.0.cmp(&b.0));
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { binary: Artifact::read(service, binary)?, units, files })
    }

    fn variables(&self, recipe: &Recipe, bucket: &str, parent: &Pin) -> Variables {
        let uri = |artifact: &Artifact| format!("s3://{bucket}/{}", artifact.key);
        let unit = |(name, artifact): &(String, Artifact)| template::Unit {
            name: name.clone(),
            uri: uri(artifact),
            sha256: artifact.sha256.to_string(),
        };
        let file = |(path, mode, artifact): &(String, String, Artifact)| template::File {
            path: path.clone(),
            uri: uri(artifact),
            sha256: artifact.sha256.to_string(),
            mode: mode.clone(),
        };
        Variables {
            service: recipe.service.to_string(),
            artifact: template::Artifact {
                uri: uri(&self.binary),
                sha256: self.binary.sha256.to_string(),
                install_path: recipe.artifact.install_path.clone(),
            },
            units: self.units.iter().map(unit).collect(),
            files: self.files.iter().map(file).collect(),
            env_file: recipe.env_file.clone(),
            port: recipe.port,
            release: parent.release.clone(),
        }
    }

    fn into_list(self) -> Vec<Artifact> {
        let units = self.units.into_iter().map(|(_, artifact)| artifact);
        let files = self.files.into_iter().map(|(_, _, artifact)| artifact);
        [self.binary].into_iter().chain(units).chain(files).collect()
    }
}

impl Artifact {
    fn read(service: &ServiceName, path: PathBuf) -> Result<Self, Failure> {
        let sha256 = Sha256Digest::of_file(&path)
            .map_err(|error| internal("failed to digest a file of the bake").source(error))?;
        let key = format!("{service}/artifacts/{sha256}/{}", name_of(&path));
        Ok(Self { path, key, sha256 })
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn inputs(recipe: &Recipe, version: &Version, parent: &str, made: (&Artifacts, &[Component])) -> Inputs {
    let (artifacts, components) = made;
    let input = |name: &str, mode: Option<&String>, sha256: &Sha256Digest| FileInput {
        name: name.to_owned(),
        mode: mode.cloned(),
        sha256: sha256.clone(),
    };
    Inputs {
        service: recipe.service.to_string(),
        version: version.clone(),
        parent_image: parent.to_owned(),
        volume: VolumeInput {
            device: recipe.volume.device.clone(),
            size_gib: recipe.volume.size_gib,
            kind: recipe.volume.kind.as_str(),
        },
        binary: input(&recipe.artifact.install_path, None, &artifacts.binary.sha256),
        components: components.iter().map(|it| input(&it.name, None, &Sha256Digest::of(&it.text))).collect(),
        units: artifacts.units.iter().map(|(name, it)| input(name, None, &it.sha256)).collect(),
        files: artifacts.files.iter().map(|(path, mode, it)| input(path, Some(mode), &it.sha256)).collect(),
    }
}
