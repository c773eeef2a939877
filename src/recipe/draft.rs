//! The recipe as far as it was understood, and its translation into a [`Recipe`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use veris_toe::yaml::{self, Fault, PlacedFault, Reading, Span, Unreadable};

use super::distribution;
use super::field::{
    AccountId, AmiId, BucketName, DeviceName, FileMode, ImagePath, InstanceType, KeyPairName, KmsKeyId, PackageName,
    Port, ProfileName, ProjectPath, Region, ReleaseVersion, SecurityGroupId, SsmParameterName, SubnetId, VariableName,
    VariableValue, VolumeSize, refused,
};
use super::reader::{At, Field, Map, Mistake, Mistakes};
use super::{
    Artifact, BakedFile, Distribution, EncryptionKey, GlibcVersion, ParentImage, Recipe, ServiceName, Volume,
    VolumeKind,
};
use crate::component;
use crate::environment::{Build, ElasticIp, Environment, EnvironmentName, InstanceTypes, Target};
use crate::requirements::Requirements;

/// Image Builder's limit for one recipe.
const MOST_COMPONENTS: usize = 20;

/// What of a recipe was understood.
#[derive(Debug, Default)]
pub struct Draft {
    pub service: Option<ServiceName>,
    version: Option<semver::Version>,
    parent: Option<ParentImage>,
    glibc: Option<GlibcVersion>,
    package: Option<String>,
    pub install_path: Option<At<String>>,
    pub units: Vec<At<PathBuf>>,
    pub files: Vec<DraftFile>,
    pub components: Vec<At<PathBuf>>,
    volume: Option<Volume>,
    distribution: Distribution,
    pub port: Option<u16>,
    pub env_file: Option<At<String>>,
    pub environments: BTreeMap<EnvironmentName, Environment>,
}

/// A file of the image, as far as it was understood.
#[derive(Debug)]
pub struct DraftFile {
    pub source: Option<At<PathBuf>>,
    pub path: Option<At<String>>,
    pub mode: Option<String>,
}

/// Reads as much as can be understood, and everything that is wrong, in the order of the file.
/// The paths in it are relative to `project`.
pub fn read(project: &Path, text: &str) -> (Draft, Vec<Mistake>) {
    let mistakes = Mistakes::default();
    let root = match yaml::read(text) {
        Ok(Reading { root, faults }) => {
            for fault in &faults {
                faulty(fault, &mistakes);
            }
            Some(root).filter(|root| !root.is_null())
        }
        Err(Unreadable::Empty) => None,
        Err(error) => {
            let place = ("yaml", error.location().into());
            mistakes.add(place, "", error.to_string(), "correct the YAML here or just above");
            return (Draft::default(), mistakes.into_sorted());
        }
    };
    let Some(root) = root else {
        let cure = "`recipes/veris-chat.yaml` of the project's repository shows what belongs into one";
        mistakes.add(("missing-key", Span::point(1, 1)), "", "the recipe is empty".to_owned(), cure);
        return (Draft::default(), mistakes.into_sorted());
    };
    let top = Field { mistakes: &mistakes, path: String::new(), node: &root };
    let draft = top.map(Draft::read).unwrap_or_default();
    draft.check_lists(&mistakes);
    draft.check_files(project, &mistakes);
    (draft, mistakes.into_sorted())
}

/// What is wrong although it is YAML.
fn faulty(PlacedFault { fault, span, path }: &PlacedFault, mistakes: &Mistakes) {
    let (rule, problem, cure) = match fault {
        Fault::RepeatedKey { key, first } => {
            ("duplicate-key", format!("`{key}` stands in line {} already", first.line), "keep one of the two")
        }
        Fault::Tag(_) => ("yaml", fault.to_string(), "leave it out: every value is the text that it is written as"),
        Fault::Merge => ("yaml", fault.to_string(), "write `<<: *name`, where `&name` stands in front of a map"),
    };
    mistakes.add((rule, *span), path, problem, cure);
}

impl Draft {
    fn read(top: &Map<'_>) -> Self {
        let artifact = top.required("artifact").and_then(|field| field.map(artifact)).unwrap_or_default();
        let volume = top.required("volume").and_then(|field| field.map(volume)).flatten();
        let distribution = top.optional("distribution").and_then(|field| field.map(distribution::read));
        let distribution = distribution.unwrap_or_default();
        distribution::check(top, volume.as_ref(), &distribution);
        Self {
            service: text(top, "service"),
            version: text::<ReleaseVersion>(top, "version").map(|version| version.0),
            parent: top.required("parent").and_then(|field| field.map(parent)).flatten(),
            glibc: text(top, "glibc"),
            package: artifact.0,
            install_path: artifact.1,
            units: top.required("units").map(|field| paths(&field)).unwrap_or_default(),
            files: top.optional("files").map(|field| field.list(baked_file)).unwrap_or_default(),
            components: top.required("components").map(|field| paths(&field)).unwrap_or_default(),
            volume,
            distribution,
            port: text::<Port>(top, "port").map(|port| port.0),
            env_file: top.text::<ImagePath>("env_file").map(into),
            environments: top.optional("environments").map(|field| environments(&field)).unwrap_or_default(),
        }
    }

    /// The recipe, if nothing is missing; [`read`] has said what is.
    pub(super) fn complete(self, path: &Path) -> Option<Recipe> {
        let file =
            |file: DraftFile| Some(BakedFile { source: file.source?.value, path: file.path?.value, mode: file.mode? });
        let local = (EnvironmentName::local(), Environment::local());
        Some(Recipe {
            path: path.to_owned(),
            service: self.service?,
            version: self.version?,
            parent: self.parent?,
            glibc: self.glibc?,
            artifact: Artifact { package: self.package?, install_path: self.install_path?.value },
            units: self.units.into_iter().map(|unit| unit.value).collect(),
            files: self.files.into_iter().map(file).collect::<Option<_>>()?,
            components: self.components.into_iter().map(|component| component.value).collect(),
            volume: self.volume?,
            distribution: self.distribution,
            port: self.port?,
            env_file: self.env_file?.value,
            environments: self.environments.into_iter().chain([local]).collect(),
        })
    }

    /// Image Builder takes at most 20 components in a recipe, and names them by their file's stem.
    fn check_lists(&self, mistakes: &Mistakes) {
        if let Some(component) = self.components.get(MOST_COMPONENTS) {
            let problem =
                format!("{} components are more than Image Builder's {MOST_COMPONENTS}", self.components.len());
            mistakes.add(("too-many-components", component.span), "components", problem, "merge some of the documents");
        }
        once("units", &self.units, Path::file_name, mistakes);
        once("components", &self.components, Path::file_stem, mistakes);
        for component in &self.components {
            if let Some(problem) = component::name_problem(&component.value) {
                mistakes.add(("component-name", component.span), "components", problem, component::NAME_CURE);
            }
        }
        let single = [&self.install_path, &self.env_file].into_iter().flatten().map(|target| ("", target));
        let files = self.files.iter().filter_map(|file| file.path.as_ref()).map(|target| ("files", target));
        let mut seen = BTreeSet::new();
        for (key, target) in single.chain(files) {
            if !seen.insert(&target.value) {
                let problem = format!("`{}` is written twice in the image", target.value);
                let cure = "choose another path for one of the two";
                mistakes.add(("listed-twice", target.span), key, problem, cure);
            }
        }
    }

    fn check_files(&self, project: &Path, mistakes: &Mistakes) {
        let lists = [("units", &self.units), ("components", &self.components)];
        let named = lists.into_iter().flat_map(|(key, paths)| paths.iter().map(move |path| (key, path)));
        let files = self.files.iter().filter_map(|file| file.source.as_ref()).map(|source| ("files", source));
        for (key, path) in named.chain(files).filter(|(_, path)| !project.join(&path.value).is_file()) {
            let problem = format!("there is no file `{}` in the project", path.value.display());
            let cure = "create the file or correct the path, which is relative to the folder that holds recipes/";
            mistakes.add(("missing-file", path.span), key, problem, cure);
        }
    }
}

/// Two files of one name would become one thing in the cloud or in the image.
fn once(key: &str, paths: &[At<PathBuf>], name: fn(&Path) -> Option<&OsStr>, mistakes: &Mistakes) {
    let mut seen = BTreeSet::new();
    for At { value, span } in paths {
        let name = name(value).unwrap_or_default();
        if !seen.insert(name) {
            let problem = format!("the name `{}` occurs twice", name.display());
            mistakes.add(("listed-twice", *span), key, problem, "rename or remove one of the files");
        }
    }
}

fn text<T: std::str::FromStr<Err = String>>(map: &Map<'_>, key: &'static str) -> Option<T> {
    map.text(key).map(|text| text.value)
}

fn into<T: Into<String>>(text: At<T>) -> At<String> {
    At { value: text.value.into(), span: text.span }
}

fn path(field: &Field<'_>) -> Option<At<PathBuf>> {
    let At { value, span } = into(field.text::<ProjectPath>()?);
    Some(At { value: PathBuf::from(value), span })
}

fn paths(field: &Field<'_>) -> Vec<At<PathBuf>> {
    if field.node.items().is_some_and(<[_]>::is_empty) {
        let problem = "the list is empty".to_owned();
        field.mistakes.add(("missing-key", field.node.span), &field.path, problem, "name at least one file");
    }
    field.list(path)
}

fn artifact(map: &Map<'_>) -> (Option<String>, Option<At<String>>) {
    (text::<PackageName>(map, "package").map(Into::into), map.text::<ImagePath>("install_path").map(into))
}

fn parent(map: &Map<'_>) -> Option<ParentImage> {
    let (ami, parameter) = (map.optional("ami"), map.optional("ssm_parameter"));
    match (&ami, &parameter) {
        (Some(ami), None) => ami.text::<AmiId>().map(|id| ParentImage::Ami(id.value.into())),
        (None, Some(name)) => name.text::<SsmParameterName>().map(|name| ParentImage::SsmParameter(name.value.into())),
        (Some(_), Some(_)) => {
            map.refuse("contradiction", "both `ami` and `ssm_parameter` are given", "keep one of the two");
            None
        }
        // Another key there is unknown, and that is said already.
        (None, None) if !map.is_empty() => None,
        (None, None) => {
            let cure = "name the image to start from by its id or by the SSM parameter that holds it";
            map.refuse("missing-key", "neither `ami` nor `ssm_parameter` is given", cure);
            None
        }
    }
}

fn baked_file(field: &Field<'_>) -> Option<DraftFile> {
    field.map(|map| DraftFile {
        source: map.required("source").and_then(|field| path(&field)),
        path: map.text::<ImagePath>("path").map(into),
        mode: text::<FileMode>(map, "mode").map(Into::into),
    })
}

fn volume(map: &Map<'_>) -> Option<Volume> {
    let device = text::<DeviceName>(map, "device").map(Into::into);
    let size = text::<VolumeSize>(map, "size_gib").map(|size| size.0);
    let kind = text::<VolumeKind>(map, "type");
    Some(Volume { device: device?, size_gib: size?, kind: kind?, encryption: encryption(map) })
}

/// A key is named where encryption is asked for, and nowhere else. `None` also where a mistake was found, which ends the recipe.
fn encryption(map: &Map<'_>) -> Option<EncryptionKey> {
    let encrypted = map.optional("encrypted").and_then(|field| field.text::<YesOrNo>());
    let encrypted = encrypted.is_some_and(|encrypted| encrypted.value == YesOrNo::Yes);
    let Some(key) = map.optional("kms_key_id") else { return encrypted.then_some(EncryptionKey::Default) };
    let key = key.text::<KmsKeyId>()?;
    if !encrypted {
        map.refuse("contradiction", "`kms_key_id` is given without `encrypted: true`", "give both or neither");
    }
    Some(EncryptionKey::Named(key.value.into()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum YesOrNo {
    Yes,
    No,
}

impl std::str::FromStr for YesOrNo {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(Self::Yes),
            "false" => Ok(Self::No),
            other => Err(refused(other, "a yes or a no", "write `true` or `false`")),
        }
    }
}

fn environments(field: &Field<'_>) -> BTreeMap<EnvironmentName, Environment> {
    let read = |name: Option<&DeclaredName>, field: &Field<'_>| field.map(|map| environment(name, map)).flatten();
    field.named(read).into_iter().map(|(DeclaredName(name), environment)| (name, environment)).collect()
}

fn environment(name: Option<&DeclaredName>, map: &Map<'_>) -> Option<Environment> {
    let region = text::<Region>(map, "region");
    let instance_types = instance_types(map);
    let instance_profile = map.optional("instance_profile").and_then(|field| field.text::<ProfileName>());
    let security_groups = map.optional("security_groups").map(|field| field.list(value::<SecurityGroupId>));
    let key_pair = map.optional("key_pair").and_then(|field| field.text::<KeyPairName>());
    let subnets = one_or_several::<SubnetId>(map, ["subnet", "subnets"]).unwrap_or_default();
    let address = text::<Address>(map, "address");
    let bucket = text::<BucketName>(map, "bucket");
    let bucket_region = map.optional("bucket_region").and_then(|field| field.text::<Region>());
    let image_owner = map.optional("image_owner").and_then(|field| field.text::<AccountId>());
    let build = map.required("build").and_then(|field| field.map(build)).flatten();
    let env = map.optional("env").map(|field| field.named::<VariableName, _>(|_, field| field.text::<VariableValue>()));
    let plain = |(name, value): (VariableName, At<VariableValue>)| (name.into(), value.value.into());
    Some(Environment {
        name: name?.0.clone(),
        target: Target::Aws,
        region: region?.into(),
        instance_types: instance_types?,
        instance_profile: instance_profile.map(|profile| profile.value.into()),
        security_groups: security_groups.unwrap_or_default().into_iter().map(|group| group.value.into()).collect(),
        key_pair: key_pair.map(|pair| pair.value.into()),
        subnets,
        address: address?.0,
        bucket: bucket?.into(),
        bucket_region: bucket_region.map(|region| region.value.into()),
        image_owner: image_owner.map(|owner| owner.value.into()),
        build: build?,
        require: require(map)?,
        env: env.unwrap_or_default().into_iter().map(plain).collect(),
    })
}

/// The file of the key is named where a signature is asked for, and nowhere else.
fn require(map: &Map<'_>) -> Option<Requirements> {
    let wanted = map.optional("require").map(|field| field.list(value::<Requirement>)).unwrap_or_default();
    let wants = |requirement| wanted.iter().any(|wanted| wanted.value == requirement);
    let key = map.optional("public_key");
    if wants(Requirement::Signed) != key.is_some() {
        let problem = "`require` names `signed` and `public_key` names the key, or neither does";
        map.refuse("contradiction", problem, "write `require: [proven, signed]` and `public_key: release.pub.pem`");
        return None;
    }
    let key = match key {
        Some(field) => Some(field.text::<ProjectPath>()?),
        None => None,
    };
    let signed = key.map(|key| PathBuf::from(String::from(key.value)));
    Some(Requirements { proven: wants(Requirement::Proven), signed })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requirement {
    Proven,
    Signed,
}

impl std::str::FromStr for Requirement {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "proven" => Ok(Self::Proven),
            "signed" => Ok(Self::Signed),
            other => Err(refused(other, "a requirement of images", "write `proven`, `signed`, or both")),
        }
    }
}

fn instance_types(map: &Map<'_>) -> Option<InstanceTypes> {
    let Some(types) = one_or_several::<InstanceType>(map, ["instance_type", "instance_types"]) else {
        map.required("instance_type");
        return None;
    };
    let mut types = types.into_iter();
    Some(InstanceTypes { first: types.next()?, others: types.collect() })
}

/// One value below the first key, or a list of them below the second; `None` where neither is given.
fn one_or_several<T>(map: &Map<'_>, keys: [&'static str; 2]) -> Option<Vec<String>>
where
    T: std::str::FromStr<Err = String> + Into<String>,
{
    match keys.map(|key| map.optional(key)) {
        [Some(_), Some(_)] => {
            let [one, several] = keys;
            let problem = format!("both `{one}` and `{several}` are given");
            map.refuse("contradiction", &problem, "keep one of the two");
            Some(Vec::new())
        }
        [Some(one), None] => Some(one.text::<T>().into_iter().map(|value| value.value.into()).collect()),
        [None, Some(several)] => Some(distinct::<T>(&several)),
        [None, None] => None,
    }
}

/// What is wanted in an order, or by several, is named once.
pub(super) fn distinct<T: std::str::FromStr<Err = String> + Into<String>>(field: &Field<'_>) -> Vec<String> {
    if field.node.items().is_some_and(<[_]>::is_empty) {
        let problem = "the list is empty".to_owned();
        field.mistakes.add(("missing-key", field.node.span), &field.path, problem, "name at least one");
    }
    let mut distinct: Vec<String> = Vec::new();
    for At { value, span } in field.list(value::<T>) {
        let value = value.into();
        if distinct.contains(&value) {
            let problem = format!("`{value}` is named twice");
            field.mistakes.add(("listed-twice", span), &field.path, problem, "keep the first of the two");
        } else {
            distinct.push(value);
        }
    }
    distinct
}

fn value<T: std::str::FromStr<Err = String>>(field: &Field<'_>) -> Option<At<T>> {
    field.text()
}

fn build(map: &Map<'_>) -> Option<Build> {
    let instance_type = text::<InstanceType>(map, "instance_type");
    let instance_profile = text::<ProfileName>(map, "instance_profile");
    Some(Build { instance_type: instance_type?.into(), instance_profile: instance_profile?.into() })
}

/// The name of an environment that a recipe may declare.
struct DeclaredName(EnvironmentName);

impl std::str::FromStr for DeclaredName {
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

struct Address(ElasticIp);

impl std::str::FromStr for Address {
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
