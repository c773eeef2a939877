//! One deployment, as it is written: what it is about to do before it does anything, and how it ended.

use anyhow::Result;
use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::Holder;
use crate::images::BakedImage;

/// Form of the records that this version writes.
pub(super) const FORM: u32 = 1;

/// A parameter of the standard tier holds 4 KB; these are the two texts of any length.
const LONGEST_REASON: usize = 600;
const LONGEST_PROBLEM: usize = 900;

/// A deployment: begun without an outcome, ended with one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub form: u32,
    /// Counts the deployments of the service in the environment.
    pub number: u32,
    /// Tells two attempts to begin the same number apart.
    pub nonce: String,
    pub kind: Kind,
    pub by: Holder,
    pub began: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `None` for a recovery, which has no instance of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// `None` while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Launch,
    Promote,
    Rollback,
    /// Finishes or takes back what somebody left half-done.
    Recovery,
}

/// What a deployment is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Who was behind the address when it began.
    pub from: Option<Served>,
    pub to: Target,
    /// Whether the address moves; otherwise the instance only waits for `veris promote`.
    pub promote: bool,
    /// What becomes of the instance that served before.
    pub keep: Keep,
}

/// An instance that served; its version is known where it was launched by this tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Served {
    pub instance_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
}

/// The instance that is to serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub version: Version,
    pub image_id: String,
    pub digest: String,
    pub commit: String,
    /// `None` until the deployment that creates it ends; until then it is known by its tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    pub origin: Origin,
}

/// Where the instance comes from, and so what taking the deployment back does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Created by the deployment.
    Created,
    /// Kept, and started by the deployment.
    Stopped,
    /// Kept, and running.
    Running,
}

/// What becomes of the instance that served before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// It goes on running: a roll back takes a second
    Running,
    /// It is stopped: a roll back takes as long as it boots
    #[default]
    Stopped,
    /// It is terminated: a roll back launches its image again
    None,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub ending: Ending,
    pub ended: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Its instance is behind the address.
    Live,
    /// Its instance is proven and waits for `veris promote`.
    Ready,
    /// Taken back: whoever served before serves on.
    Undone,
    /// A recovery that has done its work.
    Done,
}

impl Record {
    pub(crate) fn begin(kind: Kind, by: Holder, reason: Option<&str>, task: Option<Task>) -> Self {
        let nonce = nonce();
        let reason = reason.map(|reason| shortened(reason, LONGEST_REASON));
        Self { form: FORM, number: 0, nonce, kind, by, began: Timestamp::now(), reason, task, outcome: None }
    }

    pub fn is_under_way(&self) -> bool {
        self.outcome.is_none()
    }

    pub fn ended_as(&self, ending: Ending) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.ending == ending)
    }

    pub(crate) fn end(&mut self, ending: Ending, problem: Option<&str>) {
        let problem = problem.map(|problem| shortened(problem, LONGEST_PROBLEM));
        self.outcome = Some(Outcome { ending, ended: Timestamp::now(), problem });
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

impl Target {
    pub(crate) fn of(image: &BakedImage, origin: Origin, instance_id: Option<String>) -> Self {
        Self {
            version: image.version.clone(),
            image_id: image.image_id.clone(),
            digest: image.digest.clone(),
            commit: image.commit.clone(),
            instance_id,
            origin,
        }
    }

    /// What `/version` must answer.
    pub(crate) fn image(&self, service: &str) -> BakedImage {
        BakedImage {
            service: service.to_owned(),
            version: self.version.clone(),
            image_id: self.image_id.clone(),
            digest: self.digest.clone(),
            commit: self.commit.clone(),
            created: None,
            state: String::new(),
        }
    }
}

impl Kind {
    /// As in "a launch".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Promote => "promotion",
            Self::Rollback => "roll back",
            Self::Recovery => "recovery",
        }
    }
}

fn nonce() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    let random = || std::hash::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// Parameter Store takes `{{` for a reference to another parameter.
fn shortened(text: &str, longest: usize) -> String {
    let text = text.replace("{{", "{ {");
    match text.char_indices().map(|(at, character)| at + character.len_utf8()).take_while(|end| *end <= longest).last()
    {
        Some(end) if end < text.len() => format!("{} …", &text[..end]),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_record_fits_into_a_standard_parameter() {
        let long = "ü{{".repeat(2000);
        let version: Version = "1234.5678.9012-release-candidate.17".parse().unwrap();
        let (id, digest) = (format!("i-{}", "0".repeat(17)), format!("sha256:{}", "0".repeat(64)));
        let to = Target {
            version: version.clone(),
            image_id: format!("ami-{}", "0".repeat(17)),
            digest,
            commit: format!("{}-dirty", "0".repeat(40)),
            instance_id: Some(id.clone()),
            origin: Origin::Created,
        };
        let from = Some(Served { instance_id: id, version: Some(version) });
        let task = Task { from, to, promote: true, keep: Keep::Stopped };
        let mut holder = Holder::for_tests(1);
        holder.operator = format!("arn:aws:sts::123456789012:assumed-role/{}/{}", "r".repeat(64), "s".repeat(64));
        holder.host = "h".repeat(64);
        let mut record = Record::begin(Kind::Launch, holder, Some(&long), Some(task));
        record.end(Ending::Undone, Some(&long));
        let json = record.to_json().unwrap();
        assert!(json.len() < 4096 && !json.contains("{{"), "{} bytes", json.len());
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }
}
