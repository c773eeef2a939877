//! Where an image came from, signed: an in-toto statement with SLSA's provenance, in a DSSE envelope, by a key that the cloud never
//! sees.
//!
//! Sources: <https://in-toto.io/Statement/v1>, <https://slsa.dev/spec/v1.0/provenance>,
//! <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>.

mod envelope;
mod key;

use anyhow::Result;
use serde::{Deserialize, Serialize};

pub use self::envelope::Envelope;
pub use self::key::{PublicKey, SigningKey};
use crate::context::Context;
use crate::error::user;
use crate::images::BakedImage;
use crate::manifest::{self, Outcome, Record};

/// What is said of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    pub kind: String,
    /// The image: its id, and the bake digest.
    pub subject: Vec<Resource>,
    pub predicate_type: String,
    pub predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    pub build_definition: BuildDefinition,
    pub run_details: RunDetails,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    pub build_type: String,
    pub external_parameters: Parameters,
    /// The commit, the parent image, and every input with its digest.
    pub resolved_dependencies: Vec<Resource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    pub service: String,
    pub version: semver::Version,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDetails {
    pub builder: Builder,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub finished_on: jiff::Timestamp,
}

/// in-toto's `ResourceDescriptor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    pub name: String,
    #[serde(default, skip_serializing_if = "Digests::is_empty")]
    pub digest: Digests,
}

/// By the names of their algorithms.
type Digests = std::collections::BTreeMap<String, String>;

impl Statement {
    const KIND: &str = "https://in-toto.io/Statement/v1";
    const PREDICATE: &str = "https://slsa.dev/provenance/v1";

    /// What is known of a baked image.
    pub fn of(image: &BakedImage, record: &Record, outcome: Option<&Outcome>) -> Self {
        let manifest = &record.manifest;
        let commit = Resource::new("source", "gitCommit", &record.commit);
        let parent = Resource { name: manifest.parent.image.clone(), digest: Digests::new() };
        let inputs = manifest.inputs.iter().map(|input| Resource::new(&input.name, "sha256", input.sha256.as_str()));
        Self {
            kind: Self::KIND.to_owned(),
            subject: vec![Resource::new(&image.image_id, "sha256", record.digest.as_str())],
            predicate_type: Self::PREDICATE.to_owned(),
            predicate: Predicate {
                build_definition: BuildDefinition {
                    build_type: "urn:veris:bake:1".to_owned(),
                    external_parameters: Parameters {
                        service: manifest.service.clone(),
                        version: manifest.version.clone(),
                    },
                    resolved_dependencies: [commit, parent].into_iter().chain(inputs).collect(),
                },
                run_details: RunDetails {
                    builder: Builder { id: concat!("urn:veris:", env!("CARGO_PKG_VERSION")).to_owned() },
                    metadata: outcome.map(|outcome| Metadata { finished_on: outcome.finished }),
                },
            },
        }
    }

    /// What it says that is not so of this image; empty where all of it holds.
    pub fn differences(&self, image: &BakedImage, record: &Record) -> Vec<String> {
        let mut expected = Self::of(image, record, None);
        let builder = &self.predicate.run_details;
        expected.predicate.run_details = builder.clone();
        if *self == expected {
            return Vec::new();
        }
        let said = self.subject.first().map(|subject| format!("{} {:?}", subject.name, subject.digest));
        let is = expected.subject.first().map(|subject| format!("{} {:?}", subject.name, subject.digest));
        if said != is {
            return vec![format!("it is about {}, not {}", said.unwrap_or_default(), is.unwrap_or_default())];
        }
        let (said, is) = (&self.predicate.build_definition, &expected.predicate.build_definition);
        let other = said.resolved_dependencies.iter().filter(|one| !is.resolved_dependencies.contains(one));
        let missing = is.resolved_dependencies.iter().filter(|one| !said.resolved_dependencies.contains(one));
        let mut differences: Vec<String> =
            other.map(|one| format!("it names {one}, which the manifest does not")).collect();
        differences.extend(missing.map(|one| format!("it does not name {one}, which the manifest does")));
        if differences.is_empty() {
            differences.push("it is of another form or of another version".to_owned());
        }
        differences
    }
}

impl Resource {
    fn new(name: &str, algorithm: &str, digest: &str) -> Self {
        let digest = [(algorithm.to_owned(), digest.to_owned())];
        Self { name: name.to_owned(), digest: digest.into() }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        self.digest.iter().try_for_each(|(algorithm, digest)| write!(f, " ({algorithm} {digest:.12})"))
    }
}

/// Where the envelope of an image lies.
pub fn object_key(image: &BakedImage) -> String {
    manifest::document_key(&image.service, &image.digest, "provenance.json")
}

/// The envelope of an image.
pub async fn envelope(context: &Context, image: &BakedImage) -> Result<Envelope> {
    let (bucket, key) = (&context.environment.bucket, object_key(image));
    let Some(bytes) = manifest::object(context, &key).await? else {
        return Err(user(format!("version {} is not signed: s3://{bucket}/{key} is not there", image.version))
            .hint(format!("sign it with `veris sign {} --key KEY.pem`", image.version))
            .into());
    };
    Ok(Envelope::parse(&bytes).map_err(|problem| user(format!("s3://{bucket}/{key}: {problem}")))?)
}

/// What is wrong with the signature of an image, or with what was signed; empty where it holds.
pub async fn problems(context: &Context, image: &BakedImage, key: &PublicKey) -> Result<Vec<String>> {
    let (envelope, record) = tokio::try_join!(envelope(context, image), manifest::record(context, image))?;
    Ok(match envelope.open(key) {
        Ok(statement) => statement.differences(image, &record),
        Err(problem) => vec![problem],
    })
}

#[cfg(test)]
mod tests;
