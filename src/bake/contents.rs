//! What goes into an image: its files while the bake is planned, and the documents that tell of them.

use std::path::{Path, PathBuf};

use semver::Version;

use super::plan::{Artifact, Content, Plan};
use crate::digest::Sha256Digest;
use crate::error::{Failure, internal, user};
use crate::guest_binary::Crate;
use crate::lock::Pin;
use crate::manifest::bom::Bom;
use crate::manifest::{self, Input, InputKind, Manifest, Parent, RecipeFields, Record};
use crate::recipe::{self, Recipe};
use crate::template::{self, Variables};

/// A file that takes part in the bake.
pub(super) struct Source {
    pub artifact: Artifact,
    /// The last part of its path here.
    file: String,
    bytes: u64,
}

/// The files of a bake while it is being planned. Units and files are sorted: their order in the recipe means nothing.
pub(super) struct Artifacts {
    pub binary: Source,
    pub units: Vec<(String, Source)>,
    /// With path and mode in the image.
    pub files: Vec<(String, String, Source)>,
    /// The documents before they are rendered, with their paths in the project. Nobody downloads them; they are kept so that
    /// two images can be compared line by line.
    components: Vec<(String, Source)>,
}

impl Artifacts {
    pub(super) fn read(project: &Path, recipe: &Recipe, binary: PathBuf) -> Result<Self, Failure> {
        let service = recipe.service.as_str();
        let read = |path: &Path| Source::read(service, project.join(path));
        let unit = |path: &PathBuf| Ok((name_of(path), read(path)?));
        let file = |file: &recipe::BakedFile| Ok((file.path.clone(), file.mode.clone(), read(&file.source)?));
        let component = |path: &PathBuf| Ok((path.display().to_string(), read(path)?));
        let mut units = recipe.units.iter().map(unit).collect::<Result<Vec<_>, Failure>>()?;
        let mut files = recipe.files.iter().map(file).collect::<Result<Vec<_>, Failure>>()?;
        let components = recipe.components.iter().map(component).collect::<Result<Vec<_>, Failure>>()?;
        units.sort_by(|a, b| a.0.cmp(&b.0));
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { binary: Source::read(service, binary)?, units, files, components })
    }

    /// Bakes the manifest and its bill of materials as well.
    pub(super) fn add_documents(&mut self, manifest: &Manifest) -> Result<(), Failure> {
        let service = &manifest.service;
        let texts = [manifest.text(), Bom::of(manifest).text()];
        for (path, text) in Manifest::documents_in_image(service).into_iter().zip(texts) {
            if self.files.iter().any(|(taken, ..)| *taken == path) {
                return Err(user(format!(
                    "the recipe bakes a file of its own as `{path}`, which the bake itself writes"
                ))
                .hint("choose another path in `files`"));
            }
            let source = Source::made(service, &name_of(Path::new(&path)), text);
            self.files.push((path, "0644".to_owned(), source));
        }
        self.files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(())
    }

    pub(super) fn variables(&self, recipe: &Recipe, bucket: &str, parent: &Pin) -> Variables {
        let uri = |source: &Source| format!("s3://{bucket}/{}", source.artifact.key);
        let unit = |(name, source): &(String, Source)| template::Unit {
            name: name.clone(),
            uri: uri(source),
            sha256: source.artifact.sha256.to_string(),
        };
        let file = |(path, mode, source): &(String, String, Source)| template::File {
            path: path.clone(),
            uri: uri(source),
            sha256: source.artifact.sha256.to_string(),
            mode: mode.clone(),
        };
        Variables {
            service: recipe.service.to_string(),
            artifact: template::Artifact {
                uri: uri(&self.binary),
                sha256: self.binary.artifact.sha256.to_string(),
                install_path: recipe.artifact.install_path.clone(),
            },
            units: self.units.iter().map(unit).collect(),
            files: self.files.iter().map(file).collect(),
            env_file: recipe.env_file.clone(),
            port: recipe.port,
            release: parent.release.clone(),
        }
    }

    pub(super) fn into_list(self) -> Vec<Artifact> {
        let units = self.units.into_iter().chain(self.components).map(|(_, source)| source);
        let files = self.files.into_iter().map(|(_, _, source)| source);
        [self.binary].into_iter().chain(units).chain(files).map(|source| source.artifact).collect()
    }

    fn inputs(&self, recipe: &Recipe) -> Vec<Input> {
        let input = |kind, name: &str, mode: Option<&String>, source: &Source| Input {
            kind,
            name: name.to_owned(),
            file: source.file.clone(),
            mode: mode.cloned(),
            sha256: source.artifact.sha256.clone(),
            bytes: source.bytes,
        };
        let binary = input(InputKind::Binary, &recipe.artifact.install_path, None, &self.binary);
        let unit = |(name, source): &(String, Source)| {
            input(InputKind::Unit, &format!("/etc/systemd/system/{name}"), None, source)
        };
        let component = |(path, source): &(String, Source)| input(InputKind::Component, path, None, source);
        let file = |(path, mode, source): &(String, String, Source)| input(InputKind::File, path, Some(mode), source);
        let (units, files) = (self.units.iter().map(unit), self.files.iter().map(file));
        [binary].into_iter().chain(units).chain(files).chain(self.components.iter().map(component)).collect()
    }
}

impl Source {
    fn read(service: &str, path: PathBuf) -> Result<Self, Failure> {
        let failed = |error| internal("failed to digest a file of the bake").source(error);
        let sha256 = Sha256Digest::of_file(&path).map_err(failed)?;
        let bytes = fs_err::metadata(&path).map_err(failed)?.len();
        let file = name_of(&path);
        let key = manifest::artifact_key(service, &sha256, &file);
        Ok(Self { artifact: Artifact { content: Content::File(path), key, sha256 }, file, bytes })
    }

    fn made(service: &str, file: &str, text: String) -> Self {
        let sha256 = Sha256Digest::of(&text);
        let (key, bytes) = (manifest::artifact_key(service, &sha256, file), text.len() as u64);
        Self { artifact: Artifact { content: Content::Text(text), key, sha256 }, file: file.to_owned(), bytes }
    }
}

/// What is told of the image, before its manifest is one of its files.
pub(super) fn manifest(
    recipe: &Recipe,
    version: &Version,
    parent: &Pin,
    (artifacts, crates): (&Artifacts, Vec<Crate>),
) -> Manifest {
    Manifest {
        form: Manifest::FORM,
        service: recipe.service.to_string(),
        version: version.clone(),
        parent: Parent { image: parent.image.clone(), name: parent.name.clone(), release: parent.release.clone() },
        recipe: RecipeFields {
            device: recipe.volume.device.clone(),
            size_gib: recipe.volume.size_gib,
            volume_type: recipe.volume.kind.as_str().to_owned(),
            encryption: recipe.volume.encryption.as_ref().map(|key| key.as_str().to_owned()),
            port: recipe.port,
            env_file: recipe.env_file.clone(),
        },
        inputs: artifacts.inputs(recipe),
        crates,
    }
}

impl Plan {
    /// The documents about the image that lie beside its artifacts, under its digest.
    pub(super) fn documents(&self) -> Vec<Artifact> {
        let record =
            Record { digest: self.digest.clone(), commit: self.commit.clone(), manifest: self.manifest.clone() };
        let document = |name: &str, text: String| Artifact {
            key: manifest::document_key(self.service.as_str(), self.digest.as_str(), name),
            sha256: Sha256Digest::of(&text),
            content: Content::Text(text),
        };
        vec![document("manifest.json", record.text()), document("bom.json", Bom::of(&self.manifest).text())]
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
