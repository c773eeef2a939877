//! Whether an image is what it says it is: what it was made of is read again, digested, and compared.

use std::path::Path;

use anyhow::Result;
use aws_sdk_ec2::types::{EbsBlockDevice, ImdsSupportValues, VolumeType};
use serde::Serialize;

use super::names::Names;
use super::remove;
use crate::aws;
use crate::component::Component;
use crate::context::Context;
use crate::digest::{FileInput, Inputs, Sha256Digest, VolumeInput};
use crate::error::{Failure, is_expiry};
use crate::images::BakedImage;
use crate::manifest::{self, Input, InputKind, Manifest, Record};
use crate::printer::Stage;
use crate::template::{self, Variables};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub what: String,
    /// Empty where it is as it should be.
    pub problems: Vec<String>,
}

/// Looks at everything that can be read without the image's disk.
pub async fn audit(context: &Context, image: &BakedImage, stage: &mut Stage) -> Result<Vec<Check>> {
    let record = manifest::record(context, image).await?;
    let check = |what: String, problems: Vec<String>| Check { what, problems };
    let (sources, missing) = inputs(context, &record.manifest, stage).await?;
    let inputs = record.manifest.inputs.len() + Manifest::documents_in_image(&image.service).len();
    let mut checks = vec![
        check("the manifest is of this image".to_owned(), is_of(&record, image)),
        check(format!("{inputs} inputs are in the bucket as they were baked"), missing),
    ];
    stage.update("the bake digest");
    match components(context, &record.manifest, &sources) {
        Ok(components) => {
            let found = digest(&record.manifest, &components);
            let differs = format!("they make {found}, and the image is tagged with {}", image.digest);
            let problems = if found.as_str() == image.digest { Vec::new() } else { vec![differs] };
            checks.push(check("the bake digest follows from them".to_owned(), problems));
            let problems = in_image_builder(context, image, &components).await?;
            checks.push(check("Image Builder has the components that they make".to_owned(), problems));
        }
        Err(problem) => {
            checks.push(check("the bake digest follows from them".to_owned(), vec![problem.to_string()]));
        }
    }
    checks.push(check("the AMI is as it was asked for".to_owned(), ami(context, image, &record.manifest).await?));
    Ok(checks)
}

fn is_of(record: &Record, image: &BakedImage) -> Vec<String> {
    let Record { digest, commit, manifest } = record;
    let pairs = [
        ("service", manifest.service.clone(), &image.service),
        ("version", manifest.version.to_string(), &image.version.to_string()),
        ("digest", digest.to_string(), &image.digest),
        ("commit", commit.clone(), &image.commit),
    ];
    let differs = pairs.iter().filter(|(_, said, tagged)| said != *tagged);
    differs.map(|(name, said, tagged)| format!("its {name} is `{said}`, and the image's tag says `{tagged}`")).collect()
}

/// The texts of the component documents, and what is wrong with the objects of all inputs.
async fn inputs(
    context: &Context,
    manifest: &Manifest,
    stage: &mut Stage,
) -> Result<(Vec<(String, String)>, Vec<String>)> {
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    let documents = manifest.documents().map(|(file, sha256)| (file.to_owned(), sha256, None));
    let inputs = manifest.inputs.iter().map(|input| (input.file.clone(), input.sha256.clone(), Some(input)));
    for (file, sha256, input) in inputs.chain(documents) {
        let key = manifest::artifact_key(&manifest.service, &sha256, &file);
        stage.update(&file);
        let object = match manifest::object(context, &key).await {
            Err(error) if is_expiry(&error) => return Err(error),
            // Its checksum may not fit to what is there.
            Err(error) => {
                problems.push(format!("{error:#}"));
                continue;
            }
            Ok(object) => object,
        };
        match object {
            None => problems.push(format!("s3://{}/{key} is gone", context.environment.bucket)),
            Some(bytes) if Sha256Digest::of(&bytes) != sha256 => {
                problems.push(format!("s3://{}/{key} has another content", context.environment.bucket));
            }
            Some(bytes) => {
                if let Some(component) = input.filter(|input| input.kind == InputKind::Component) {
                    sources.push((component.name.clone(), String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
    }
    Ok((sources, problems))
}

/// The documents as the bake rendered them.
fn components(context: &Context, manifest: &Manifest, sources: &[(String, String)]) -> Result<Vec<Component>, Failure> {
    let variables = variables(manifest, &context.environment.bucket);
    let service = &context.recipe.service;
    let render = |(path, source): &(String, String)| Component::of(Path::new(path), source, service, &variables);
    sources.iter().map(render).collect()
}

fn of_kind(manifest: &Manifest, kind: InputKind) -> impl Iterator<Item = &Input> {
    manifest.inputs.iter().filter(move |input| input.kind == kind)
}

/// With the two documents that the bake adds.
fn files(manifest: &Manifest) -> Vec<FileInput> {
    let file =
        |input: &Input| FileInput { name: input.name.clone(), mode: input.mode.clone(), sha256: input.sha256.clone() };
    let mut files: Vec<FileInput> = of_kind(manifest, InputKind::File).map(file).collect();
    let documents = Manifest::documents_in_image(&manifest.service).into_iter().zip(manifest.documents());
    files.extend(documents.map(|(name, (_, sha256))| FileInput { name, mode: Some("0644".to_owned()), sha256 }));
    files.sort();
    files
}

fn variables(manifest: &Manifest, bucket: &str) -> Variables {
    let Manifest { service, recipe, parent, .. } = manifest;
    let uri =
        |sha256: &Sha256Digest, file: &str| format!("s3://{bucket}/{}", manifest::artifact_key(service, sha256, file));
    let binary = of_kind(manifest, InputKind::Binary).next();
    let unit = |input: &Input| template::Unit {
        name: input.file.clone(),
        uri: uri(&input.sha256, &input.file),
        sha256: input.sha256.to_string(),
    };
    let source_of = |path: &str| {
        let input = of_kind(manifest, InputKind::File).find(|input| input.name == path);
        input.map_or_else(|| path.rsplit('/').next().unwrap_or(path).to_owned(), |input| input.file.clone())
    };
    let file = |input: FileInput| template::File {
        uri: uri(&input.sha256, &source_of(&input.name)),
        sha256: input.sha256.to_string(),
        mode: input.mode.unwrap_or_default(),
        path: input.name,
    };
    Variables {
        service: service.clone(),
        artifact: template::Artifact {
            uri: binary.map(|input| uri(&input.sha256, &input.file)).unwrap_or_default(),
            sha256: binary.map(|input| input.sha256.to_string()).unwrap_or_default(),
            install_path: binary.map(|input| input.name.clone()).unwrap_or_default(),
        },
        units: of_kind(manifest, InputKind::Unit).map(unit).collect(),
        files: files(manifest).into_iter().map(file).collect(),
        env_file: recipe.env_file.clone(),
        port: recipe.port,
        release: parent.release.clone(),
    }
}

fn digest(manifest: &Manifest, components: &[Component]) -> Sha256Digest {
    let Manifest { service, version, parent, recipe, .. } = manifest;
    let input =
        |name: &str, sha256: &Sha256Digest| FileInput { name: name.to_owned(), mode: None, sha256: sha256.clone() };
    let nothing = Sha256Digest::of("");
    let binary = of_kind(manifest, InputKind::Binary).next();
    Inputs {
        service: service.clone(),
        version: version.clone(),
        parent_image: parent.image.clone(),
        volume: VolumeInput {
            device: recipe.device.clone(),
            size_gib: recipe.size_gib,
            kind: recipe.volume_type.clone(),
            encryption: recipe.encryption.clone(),
        },
        binary: binary.map_or_else(|| input("", &nothing), |binary| input(&binary.name, &binary.sha256)),
        components: components.iter().map(|it| input(&it.name, &Sha256Digest::of(&it.text))).collect(),
        units: of_kind(manifest, InputKind::Unit).map(|unit| input(&unit.file, &unit.sha256)).collect(),
        files: files(manifest),
    }
    .digest()
}

/// What Image Builder was given is what the inputs make.
async fn in_image_builder(context: &Context, image: &BakedImage, components: &[Component]) -> Result<Vec<String>> {
    let names = Names::new(context, &image.version).await?;
    let client = &context.clients.image_builder;
    let mut problems = Vec::new();
    for component in components {
        let arn = names.component_arn(&component.name);
        let Some(build) = remove::component_builds(context, &arn).await?.pop() else {
            problems.push(format!("{arn} is gone"));
            continue;
        };
        let answer = client.get_component().component_build_version_arn(&build).send().await;
        let answer = answer.map_err(|error| aws::describe(&format!("look at {build}"), &error))?;
        let data = answer.component.and_then(|component| component.data);
        if data.as_deref() != Some(component.text.as_str()) {
            problems.push(format!("{build} has another content than {} makes", component.path.display()));
        }
    }
    Ok(problems)
}

async fn ami(context: &Context, image: &BakedImage, manifest: &Manifest) -> Result<Vec<String>> {
    let id = &image.image_id;
    let answer = context.clients.ec2.describe_images().image_ids(id).send().await;
    let answer = answer.map_err(|error| aws::describe(&format!("look at {id}"), &error))?;
    let Some(found) = answer.images().first() else { return Ok(vec![format!("{id} is gone")]) };
    let mut problems = Vec::new();
    if found.public() == Some(true) {
        problems.push(format!("{id} is public: anybody can launch it, and read what is in it"));
    }
    if found.imds_support() != Some(&ImdsSupportValues::V20) {
        problems.push(format!("{id} does not ask for IMDSv2"));
    }
    let wanted = &manifest.recipe;
    let devices = found.block_device_mappings().iter();
    let root =
        devices.filter(|device| device.device_name() == found.root_device_name()).find_map(|device| device.ebs());
    let size = root.and_then(EbsBlockDevice::volume_size).and_then(|gib| u32::try_from(gib).ok());
    let kind = root.and_then(|ebs| ebs.volume_type()).map(VolumeType::as_str);
    if (size, kind) != (Some(wanted.size_gib), Some(wanted.volume_type.as_str())) {
        let (size, kind) = (size.unwrap_or_default(), kind.unwrap_or("no"));
        problems.push(format!(
            "its root volume has {size} GiB and {kind} as its type, not {} GiB and {}",
            wanted.size_gib, wanted.volume_type
        ));
    }
    if wanted.encryption.is_some() && root.and_then(EbsBlockDevice::encrypted) != Some(true) {
        problems.push("its root volume is not encrypted".to_owned());
    }
    Ok(problems)
}
