//! A manifest as a bill of materials in the form of `CycloneDX` 1.6, which scanners and inventories read.

use serde::Serialize;

use super::{InputKind, Manifest};
use crate::guest_binary::{Crate, Origin};

const SCHEMA: &str = "http://cyclonedx.org/schema/bom-1.6.schema.json";

/// The document, as far as it is used here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
}

#[derive(Debug, Serialize)]
struct Metadata {
    component: Component,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Application,
    File,
    Library,
    OperatingSystem,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
}

#[derive(Debug, Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Debug, Serialize)]
struct License {
    /// An SPDX expression.
    expression: String,
}

impl Bom {
    pub fn of(manifest: &Manifest) -> Self {
        let inputs = manifest.inputs.iter().filter(|input| input.kind != InputKind::Component).map(|input| Component {
            hashes: vec![sha256(input.sha256.as_str())],
            ..Component::new(Kind::File, format!("file:{}", input.name), input.name.clone())
        });
        let parent = Component {
            version: Some(manifest.parent.release.clone().unwrap_or_else(|| manifest.parent.image.clone())),
            ..Component::new(
                Kind::OperatingSystem,
                format!("ami:{}", manifest.parent.image),
                manifest.parent.name.clone(),
            )
        };
        let crates = manifest.crates.iter().map(library);
        let service = Component {
            version: Some(manifest.version.to_string()),
            ..Component::new(Kind::Application, "service".to_owned(), manifest.service.clone())
        };
        Self {
            schema: SCHEMA,
            format: "CycloneDX",
            spec_version: "1.6",
            version: 1,
            metadata: Metadata { component: service },
            components: std::iter::once(parent).chain(inputs).chain(crates).collect(),
        }
    }

    /// The document as it is baked.
    pub fn text(&self) -> String {
        super::text(self)
    }
}

impl Component {
    fn new(kind: Kind, reference: String, name: String) -> Self {
        Self { kind, reference, name, version: None, hashes: Vec::new(), licenses: Vec::new(), purl: None }
    }
}

fn library(it: &Crate) -> Component {
    let purl = format!("pkg:cargo/{}@{}", it.name, it.version);
    let (purl, hashes) = match &it.origin {
        Origin::Registry { checksum } => (purl, checksum.iter().map(|digits| sha256(digits)).collect()),
        Origin::Git { url } => {
            let url: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
            (format!("{purl}?vcs_url={url}"), Vec::new())
        }
        Origin::Project => (purl, Vec::new()),
    };
    Component {
        version: Some(it.version.clone()),
        hashes,
        licenses: it.license.iter().map(|license| License { expression: spdx(license) }).collect(),
        purl: Some(purl.clone()),
        ..Component::new(Kind::Library, purl, it.name.clone())
    }
}

fn sha256(digits: &str) -> Hash {
    Hash { alg: "SHA-256", content: digits.to_owned() }
}

/// Older crates write `MIT/Apache-2.0` for "or".
fn spdx(license: &str) -> String {
    license.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}
