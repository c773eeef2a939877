//! Somebody who deploys, and what they can see of the cloud.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use semver::Version;
use serde_json::Value;
use veris::aws::Clients;
use veris::commands::history;
use veris::commands::launch::{self, Launch, Launched};
use veris::commands::promote::{self, Promote, Promoted};
use veris::commands::rollback::{self, Rollback, RolledBack};
use veris::context::{Context, Pace};
use veris::environment::Environment;
use veris::fault_point::EachCall;
use veris::interrupt::Interrupt;
use veris::ledger::{Keep, Process};
use veris::printer::{Output, Printer};
use veris::recipe::Recipe;

use crate::stand_in::Cloud;
use crate::support::Project;

pub(crate) struct Operator {
    pub(crate) context: Context,
    settings: tempfile::NamedTempFile,
    /// Stands for the program of this operator: others see by it whether a deployment is still led.
    process: Child,
}

/// A launch that waits for nothing it need not wait for.
pub(crate) fn fast(version: &str) -> Launch {
    Launch {
        version: Some(version.parse().unwrap()),
        timeout: 20,
        soak: Some(0),
        keep: Keep::Running,
        ..Launch::default()
    }
}

pub(crate) fn promote() -> Promote {
    Promote {
        target: None,
        timeout: 20,
        soak: Some(0),
        keep: Keep::Running,
        no_chat: false,
        reason: None,
        force: false,
    }
}

impl Operator {
    pub(crate) async fn of(cloud: &Cloud) -> Self {
        Self::disturbed(cloud, &EachCall::default()).await
    }

    /// Whose calls fail as the test wants it.
    pub(crate) async fn disturbed(cloud: &Cloud, each_call: &EachCall) -> Self {
        let environment = Environment { env: BTreeMap::new(), ..Environment::local() };
        let clients = Clients::disturbed(&cloud.layout(), &environment, each_call).await.unwrap();
        Self::with(&cloud.project, environment, clients, cloud.layout().directory.join("bakes"))
    }

    /// Somebody who has these clients.
    pub(crate) fn with(project: &Project, environment: Environment, clients: Clients, journals: PathBuf) -> Self {
        let project = fs_err::canonicalize(project.path()).unwrap();
        let recipe = Recipe::load(&project, &project.join("recipes/chat.yaml")).unwrap();
        let (printer, interrupt) = (Printer::new(Output::Text), Interrupt::install().unwrap());
        let pace = Pace { every: Duration::from_millis(15) };
        let process = Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn().unwrap();
        let context = Context {
            project,
            recipe,
            environment,
            clients,
            journals,
            printer,
            interrupt,
            process: Process::of(process.id()),
            pace,
        };
        let settings = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(settings.path(), "QDRANT_URL=\n").unwrap();
        Self { context, settings, process }
    }

    pub(crate) fn env_file(&self) -> String {
        self.settings.path().to_str().unwrap().to_owned()
    }

    pub(crate) async fn launch(&self, args: &Launch) -> Result<Launched> {
        let args = Launch { env_file: Some(self.settings.path().to_owned()), ..args.clone() };
        launch::launch(&args, &self.context).await
    }

    pub(crate) async fn promote(&self, args: &Promote) -> Result<Promoted> {
        promote::promote(args, &self.context).await
    }

    pub(crate) async fn rollback(&self, version: Option<&str>) -> Result<RolledBack> {
        self.rollback_with(version, false, 20).await
    }

    pub(crate) async fn rollback_with(&self, version: Option<&str>, force: bool, timeout: u64) -> Result<RolledBack> {
        let version = version.map(|version| version.parse::<Version>().unwrap());
        let args = Rollback { version, timeout, force, keep: Keep::Running, ..Rollback::default() };
        rollback::rollback(&args, &self.context).await
    }

    /// The ledger as it is shown, with what differs from run to run blotted out.
    pub(crate) async fn history(&self) -> String {
        let mut shown = history::history(20, &self.context).await.unwrap().to_string();
        // Numbered as they appear, from the oldest deployment on.
        let lines = shown.lines().rev().flat_map(str::split_whitespace);
        let mut ids: Vec<String> = Vec::new();
        for id in lines.filter(|word| word.len() == 19 && word.starts_with("i-")) {
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        for (number, id) in ids.iter().enumerate() {
            shown = shown.replace(id, &format!("i-{:017}", number + 1));
        }
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let shown = shown.replace(&host, "HOST");
        let words = shown.lines().map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            for at in 0..words.len() {
                let word = words[at];
                if word.len() == 10 && word.as_bytes()[4] == b'-' {
                    words[at] = "DATE";
                } else if word.len() == 8 && word.as_bytes()[2] == b':' {
                    words[at] = "TIME";
                } else if at > 0 && words[at - 1] == "after" {
                    words[at] = "N";
                }
            }
            words.join(" ")
        });
        words.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn holder(cloud: &Cloud) -> String {
        Self::holder_in(&cloud.layout().state())
    }

    /// The same, from the file of the cloud's state.
    pub(crate) fn holder_in(state: &Path) -> String {
        let state: Value = serde_json::from_slice(&fs_err::read(state).unwrap()).unwrap();
        let addresses = state["addresses"].as_object().unwrap();
        assert!(addresses.len() <= 1, "{addresses:?}");
        let holder = addresses.values().next().map(|address| address["association"]["instance_id"].clone());
        holder.and_then(|holder| holder.as_str().map(ToOwned::to_owned)).unwrap_or_default()
    }

    pub(crate) fn state_of(cloud: &Cloud, instance_id: &str) -> String {
        cloud.state()["instances"][instance_id]["state"].as_str().unwrap_or("gone").to_owned()
    }

    /// Ids of the instances that are neither stopped nor at their end.
    pub(crate) fn running(cloud: &Cloud) -> Vec<String> {
        let state = cloud.state();
        let instances = state["instances"].as_object().unwrap();
        let running = instances.iter().filter(|(_, it)| it["state"] == "running" || it["state"] == "pending");
        running.map(|(id, _)| id.clone()).collect()
    }

    /// Ids of the instances that are not at their end.
    pub(crate) fn existing(cloud: &Cloud) -> Vec<String> {
        let state = cloud.state();
        let instances = state["instances"].as_object().unwrap();
        let existing = instances.iter().filter(|(_, it)| it["state"] != "terminated" && it["state"] != "shutting-down");
        existing.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn version_of(cloud: &Cloud, instance_id: &str) -> String {
        cloud.state()["instances"][instance_id]["tags"]["veris:version"].as_str().unwrap_or_default().to_owned()
    }

    /// The number of the deployment that launched it.
    pub(crate) fn deployment_of(cloud: &Cloud, instance_id: &str) -> u64 {
        let tag = cloud.state()["instances"][instance_id]["tags"]["veris:deployment"].clone();
        tag.as_str().and_then(|tag| tag.rsplit_once('/')?.1.parse().ok()).unwrap_or_default()
    }

    /// How each deployment ended.
    pub(crate) fn deployments(cloud: &Cloud) -> Vec<Option<String>> {
        let records = Self::records(cloud);
        records.iter().map(|record| record["outcome"]["ending"].as_str().map(ToOwned::to_owned)).collect()
    }

    /// The instance of the deployment that ended as the live one last.
    pub(crate) fn last_live(cloud: &Cloud) -> String {
        let records = Self::records(cloud);
        let live = records.iter().rev().find(|record| record["outcome"]["ending"] == "live");
        live.and_then(|record| record["task"]["to"]["instanceId"].as_str()).unwrap_or_default().to_owned()
    }

    /// The ledger, as it is kept.
    pub(crate) fn records(cloud: &Cloud) -> Vec<Value> {
        let state = cloud.state();
        let parameters = state["parameters"].as_object().unwrap();
        let entries = parameters.iter().filter(|(name, _)| name.contains("/deployments/"));
        let newest =
            entries.map(|(_, parameter)| parameter["versions"].as_array().unwrap().last().unwrap()["value"].clone());
        newest.map(|record| serde_json::from_str(record.as_str().unwrap()).unwrap()).collect()
    }

    pub(crate) async fn wait_until(&self, cloud: &Cloud, is_so: impl Fn(&str) -> bool) {
        while !is_so(&Self::holder(cloud)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn wait_until_under_way(&self, cloud: &Cloud, number: usize) {
        while Self::deployments(cloud).len() < number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn move_by_hand(&self, cloud: &Cloud, instance_id: &str) {
        let state = cloud.state();
        let (allocation, _) = state["addresses"].as_object().unwrap().iter().next().unwrap();
        let call = self.context.clients.ec2.associate_address().allocation_id(allocation).instance_id(instance_id);
        call.send().await.unwrap();
    }

    pub(crate) async fn deregister(&self, cloud: &Cloud, version: &str) {
        let state = cloud.state();
        let mut images = state["images"].as_object().unwrap().iter();
        let (id, _) = images.find(|(_, image)| image["tags"]["veris:version"] == version).unwrap();
        self.context.clients.ec2.deregister_image().image_id(id).send().await.unwrap();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
