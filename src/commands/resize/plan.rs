//! What a resize would do, decided before anything is stopped.

use std::fmt;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, user};
use crate::instances::{self, Chosen, Kind, State};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    pub(super) instance_id: String,
    pub(super) version: Version,
    pub(super) from: Kind,
    pub(super) to: Kind,
    pub(super) live: bool,
    /// Whether clients are not served meanwhile.
    pub(super) interrupts: bool,
    pub(super) runs_afterwards: bool,
    /// None where it is what it should be.
    pub(super) steps: Vec<String>,
}

impl Plan {
    pub(super) async fn make(context: &Context, chosen: &Chosen, to: &str, timeout: u64) -> Result<Self> {
        let Chosen { instance, live } = chosen;
        let [from, to] = instances::kinds(&context.clients, [instance.instance_type.as_str(), to]).await?;
        suits(&from, &to)?;
        let (id, changes) = (&instance.instance_id, from != to);
        let comes_up = matches!(instance.state, State::Running | State::Pending);
        // One that is live and does not run was left so by a resize that was killed.
        let runs_afterwards = *live || comes_up;
        let mut steps = Vec::new();
        if changes && comes_up {
            steps.push(format!("stop {id}"));
        }
        if changes {
            steps.push(format!("make it a {to}, instead of a {from}"));
        }
        if runs_afterwards && (changes || instance.state != State::Running) {
            let name = &from.name;
            steps.push(format!(
                "start it, and wait up to {timeout} s until it answers; if it does not, make it a {name} again"
            ));
        }
        Ok(Self {
            instance_id: instance.instance_id.clone(),
            version: instance.version.clone(),
            interrupts: *live && comes_up && changes,
            live: *live,
            from,
            to,
            runs_afterwards,
            steps,
        })
    }
}

/// A disk for one processor does not boot on another.
fn suits(from: &Kind, to: &Kind) -> Result<(), Failure> {
    if from.architectures.iter().any(|architecture| to.architectures.contains(architecture)) {
        return Ok(());
    }
    let (has, needs) = (to.architectures.join(", "), from.architectures.join(", "));
    Err(user(format!("{} has another processor ({has}) than the image is for ({needs})", to.name))
        .hint("choose a type of the same architecture; nothing was stopped"))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance_id, version, to, .. } = self;
        if self.steps.is_empty() {
            return writeln!(f, "{instance_id} ({version}) is a {to} already");
        }
        writeln!(f, "a resize of {instance_id} ({version}) would:")?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {}. {step}", number + 1)?;
        }
        if self.interrupts {
            writeln!(f, "clients are not served meanwhile")?;
        }
        writeln!(f, "nothing was changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_with_another_processor_is_refused_before_anything_is_stopped() {
        let kind = |name: &str, architectures: &[&str]| Kind {
            name: name.to_owned(),
            processors: 2,
            memory_mib: 4096,
            architectures: architectures.iter().map(ToString::to_string).collect(),
        };
        let old = kind("t2.medium", &["i386", "x86_64"]);
        assert!(suits(&old, &kind("t3.medium", &["x86_64"])).is_ok());
        let error = suits(&old, &kind("t4g.medium", &["arm64"])).unwrap_err().to_string();
        assert_eq!(error, "t4g.medium has another processor (arm64) than the image is for (i386, x86_64)");
    }
}
