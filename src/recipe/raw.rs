//! The recipe as it stands in the file, and its translation into a [`Recipe`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Deserialize;

use super::field::{
    AmiId, BucketName, DeviceName, FileMode, ImagePath, InstanceType, KeyPairName, PackageName, Port, ProfileName,
    ProjectPath, Region, ReleaseVersion, SecurityGroupId, SsmParameterName, SubnetId, VariableName, VariableValue,
    VolumeSize, checked, refused, unique,
};
use super::{
    Artifact, BakedFile, File, GlibcVersion, ParentImage, Recipe, RecipeError, ServiceName, Volume, VolumeKind,
};
use crate::environment::{Build, ElasticIp, Environment, EnvironmentName, Target};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecipe {
    service: ServiceName,
    #[serde(deserialize_with = "checked")]
    version: ReleaseVersion,
    parent: RawParent,
    #[serde(deserialize_with = "checked")]
    glibc: GlibcVersion,
    artifact: RawArtifact,
    units: Vec<ProjectPath>,
    #[serde(default)]
    files: Vec<RawFile>,
    components: Vec<ProjectPath>,
    volume: RawVolume,
    #[serde(deserialize_with = "checked")]
    port: Port,
    env_file: ImagePath,
    #[serde(default, deserialize_with = "unique")]
    environments: BTreeMap<RawEnvironmentName, RawEnvironment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParent {
    ami: Option<AmiId>,
    ssm_parameter: Option<SsmParameterName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArtifact {
    package: PackageName,
    install_path: ImagePath,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    source: ProjectPath,
    path: ImagePath,
    mode: FileMode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVolume {
    device: DeviceName,
    #[serde(deserialize_with = "checked")]
    size_gib: VolumeSize,
    #[serde(rename = "type", deserialize_with = "checked")]
    kind: VolumeKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnvironment {
    region: Region,
    instance_type: InstanceType,
    instance_profile: Option<ProfileName>,
    #[serde(default)]
    security_groups: Vec<SecurityGroupId>,
    key_pair: Option<KeyPairName>,
    subnet: Option<SubnetId>,
    #[serde(deserialize_with = "checked")]
    address: RawAddress,
    bucket: BucketName,
    build: RawBuild,
    #[serde(default, deserialize_with = "unique")]
    env: BTreeMap<VariableName, VariableValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBuild {
    instance_type: InstanceType,
    instance_profile: ProfileName,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RawEnvironmentName(EnvironmentName);

impl std::str::FromStr for RawEnvironmentName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let name: EnvironmentName = text.parse()?;
        if name == EnvironmentName::local() {
            return Err("`local` is built in and cannot be declared\n\
                        give this environment another name; values for the local `.env` come from `--env-file`"
                .to_owned());
        }
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for RawEnvironmentName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer)
    }
}

impl AsRef<str> for RawEnvironmentName {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

struct RawAddress(ElasticIp);

impl std::str::FromStr for RawAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "allocate" {
            return Ok(Self(ElasticIp::Allocate));
        }
        let cure = "write an IPv4 address that the account holds, or `allocate`";
        let address = text.parse::<Ipv4Addr>().map_err(|_| refused(text, "an Elastic IP", cure))?;
        Ok(Self(ElasticIp::Fixed(address)))
    }
}

/// Everything but the existence of files.
pub(super) fn parse(file: &File) -> Result<Recipe, RecipeError> {
    let raw: RawRecipe = serde_yaml::from_str(file.text).map_err(|error| file.unreadable(&error))?;
    let recipe = Recipe {
        path: file.path.to_owned(),
        service: raw.service,
        version: raw.version.0,
        parent: parent(file, raw.parent)?,
        glibc: raw.glibc,
        artifact: Artifact { package: raw.artifact.package.into(), install_path: raw.artifact.install_path.into() },
        units: raw.units.into_iter().map(path).collect(),
        files: raw.files.into_iter().map(baked_file).collect(),
        components: raw.components.into_iter().map(path).collect(),
        volume: Volume { device: raw.volume.device.into(), size_gib: raw.volume.size_gib.0, kind: raw.volume.kind },
        port: raw.port.0,
        env_file: raw.env_file.into(),
        environments: environments(raw.environments),
    };
    check_lists(file, &recipe)?;
    Ok(recipe)
}

fn parent(file: &File, raw: RawParent) -> Result<ParentImage, RecipeError> {
    match (raw.ami, raw.ssm_parameter) {
        (Some(id), None) => Ok(ParentImage::Ami(id.into())),
        (None, Some(name)) => Ok(ParentImage::SsmParameter(name.into())),
        (Some(_), Some(_)) => Err(file.refuse(
            ("parent", ""),
            "both `ami` and `ssm_parameter` are given".to_owned(),
            "keep one of the two",
        )),
        (None, None) => Err(file.refuse(
            ("parent", ""),
            "neither `ami` nor `ssm_parameter` is given".to_owned(),
            "name the image to start from by its id or by the SSM parameter that holds it",
        )),
    }
}

fn path(raw: ProjectPath) -> PathBuf {
    PathBuf::from(String::from(raw))
}

fn baked_file(raw: RawFile) -> BakedFile {
    BakedFile { source: path(raw.source), path: raw.path.into(), mode: raw.mode.into() }
}

fn environments(raw: BTreeMap<RawEnvironmentName, RawEnvironment>) -> BTreeMap<EnvironmentName, Environment> {
    let declared = raw.into_iter().map(|(RawEnvironmentName(name), raw)| (name.clone(), environment(name, raw)));
    declared.chain([(EnvironmentName::local(), Environment::local())]).collect()
}

fn environment(name: EnvironmentName, raw: RawEnvironment) -> Environment {
    Environment {
        name,
        target: Target::Aws,
        region: raw.region.into(),
        instance_type: raw.instance_type.into(),
        instance_profile: raw.instance_profile.map(Into::into),
        security_groups: raw.security_groups.into_iter().map(Into::into).collect(),
        key_pair: raw.key_pair.map(Into::into),
        subnet: raw.subnet.map(Into::into),
        address: raw.address.0,
        bucket: raw.bucket.into(),
        build: Build {
            instance_type: raw.build.instance_type.into(),
            instance_profile: raw.build.instance_profile.into(),
        },
        env: raw.env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
    }
}

/// Image Builder takes at most 20 components in a recipe, and names them by their file's stem.
fn check_lists(file: &File, recipe: &Recipe) -> Result<(), RecipeError> {
    if recipe.units.is_empty() || recipe.components.is_empty() {
        let key = if recipe.units.is_empty() { "units" } else { "components" };
        return Err(file.refuse((key, ""), "the list is empty".to_owned(), "name at least one file"));
    }
    if recipe.components.len() > 20 {
        let problem = format!("{} components are more than Image Builder's 20", recipe.components.len());
        return Err(file.refuse(("components", ""), problem, "merge some of the documents"));
    }
    for (key, paths) in [("units", &recipe.units), ("components", &recipe.components)] {
        let mut seen = BTreeSet::new();
        for path in paths {
            let name = if key == "units" { path.file_name() } else { path.file_stem() }.unwrap_or_default();
            if !seen.insert(name) {
                let problem = format!("the name `{}` occurs twice", name.display());
                return Err(file.refuse((key, &path.to_string_lossy()), problem, "rename or remove one of the files"));
            }
        }
    }
    let mut targets = BTreeSet::from([&recipe.artifact.install_path, &recipe.env_file]);
    match recipe.files.iter().find(|file| !targets.insert(&file.path)) {
        Some(twice) => {
            let problem = format!("`{}` is written twice in the image", twice.path);
            Err(file.refuse(("files", &twice.path), problem, "choose another path for one of the two"))
        }
        None => Ok(()),
    }
}
