//! What `--dry-run` shows.

use std::fmt;

use serde::Serialize;

use super::Launch;
use crate::context::Context;
use crate::deploy::{self, Scene};
use crate::ledger::{Keep, Task};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Planned {
    deployment: u32,
    /// A deployment that would have to end first, or be taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    under_way: Option<String>,
    #[serde(flatten)]
    task: Task,
    steps: Vec<String>,
}

impl Planned {
    pub(super) fn new(args: &Launch, context: &Context, scene: &Scene, task: Task) -> Self {
        let deployment = scene.last_number() + 1;
        let steps = steps(args, context, scene, &task);
        Self { deployment, under_way: deploy::under_way(&scene.entries), task, steps }
    }
}

fn steps(args: &Launch, context: &Context, scene: &Scene, task: &Task) -> Vec<String> {
    let (to, environment) = (&task.to, &context.environment);
    let mut steps = vec![
        format!("run a {} from {} ({} {})", environment.instance_types, to.image_id, scene.service, to.version),
        format!(
            "wait up to {} s until it runs and `/version` has named digest {} three times",
            args.timeout, to.digest
        ),
    ];
    if !args.no_chat {
        steps.push("ask it a question, through Bedrock".to_owned());
    }
    if !task.promote {
        steps.push("leave it there for `veris promote`".to_owned());
        return steps;
    }
    let address = scene.address.as_ref().map_or("a new address".to_owned(), |address| address.ip.to_string());
    let from = task.from.as_ref().map(|from| format!(" from {}", from.instance_id)).unwrap_or_default();
    steps.push(format!("move {address}{from} to it, and look at it through the address"));
    let soak = deploy::soak(context, args.soak).as_secs();
    steps.push(format!("watch it for {soak} s; if it fails, put everything back"));
    let old = task.from.as_ref().filter(|from| from.version.is_some());
    match (old, task.keep) {
        (Some(old), Keep::Stopped) => steps.push(format!("stop {}", old.instance_id)),
        (Some(old), Keep::None) => steps.push(format!("terminate {}", old.instance_id)),
        _ => {}
    }
    steps
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "deployment {} would:", self.deployment)?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {}. {step}", number + 1)?;
        }
        if let Some(under_way) = &self.under_way {
            writeln!(f, "but {under_way}")?;
        }
        writeln!(f, "nothing was changed")
    }
}
