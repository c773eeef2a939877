//! Somebody who deploys, and what they can see of the cloud.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use semver::Version;
use veris::aws::Clients;
use veris::commands::history;
use veris::commands::launch::{self, Launch, Launched};
use veris::commands::promote::{self, Promote, Promoted};
use veris::commands::rollback::{self, Rollback, RolledBack};
use veris::context::{Context, Pace};
use veris::environment::Environment;
use veris::interrupt::Interrupt;
use veris::ledger::{Keep, Process};
use veris::printer::{Output, Printer};
use veris::recipe::Recipe;

use crate::stand_in::Cloud;

pub(crate) struct Operator {
    pub(crate) context: Context,
    settings: tempfile::NamedTempFile,
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
        let project = fs_err::canonicalize(cloud.project.path()).unwrap();
        let recipe = Recipe::load(&project, &project.join("recipes/chat.yaml")).unwrap();
        let environment = Environment { env: BTreeMap::new(), ..Environment::local() };
        let clients = Clients::of_local_cloud(&cloud.layout(), &environment).await.unwrap();
        let (printer, interrupt) = (Printer::new(Output::Text), Interrupt::install().unwrap());
        let pace = Pace { every: Duration::from_millis(15) };
        let journals = cloud.layout().directory.join("bakes");
        let context = Context {
            project,
            recipe,
            environment,
            clients,
            journals,
            printer,
            interrupt,
            process: Process::this(),
            pace,
        };
        let settings = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(settings.path(), "QDRANT_URL=\n").unwrap();
        Self { context, settings }
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
        let version = version.map(|version| version.parse::<Version>().unwrap());
        let args = Rollback { version, timeout: 20, keep: Keep::Running, ..Rollback::default() };
        rollback::rollback(&args, &self.context).await
    }

    /// The ledger as it is shown, with what differs from run to run blotted out.
    pub(crate) async fn history(&self, cloud: &Cloud) -> String {
        let mut shown = history::history(20, &self.context).await.unwrap().to_string();
        let instances = cloud.state()["instances"].as_object().unwrap().clone();
        let mut by_age: Vec<_> = instances.iter().collect();
        by_age.sort_by_key(|(_, instance)| instance["launched"].as_str().unwrap().to_owned());
        for (number, (id, _)) in by_age.into_iter().enumerate() {
            shown = shown.replace(id.as_str(), &format!("i-{:017}", number + 1));
        }
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let shown = shown.replace(&host, "HOST");
        let words = shown.lines().map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            for word in &mut words {
                if word.len() == 10 && word.as_bytes()[4] == b'-' {
                    *word = "DATE";
                } else if word.len() == 8 && word.as_bytes()[2] == b':' {
                    *word = "TIME";
                }
            }
            let line = words.join(" ");
            (0..9).fold(line, |line, digit| line.replace(&format!("after {digit} s"), "after N s"))
        });
        words.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn holder(cloud: &Cloud) -> String {
        let state = cloud.state();
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

    /// How each deployment ended.
    pub(crate) fn deployments(cloud: &Cloud) -> Vec<Option<String>> {
        let state = cloud.state();
        let parameters = state["parameters"].as_object().unwrap();
        let entries = parameters.iter().filter(|(name, _)| name.contains("/deployments/"));
        let endings = entries.map(|(_, parameter)| {
            let newest = parameter["versions"].as_array().unwrap().last().unwrap()["value"].as_str().unwrap();
            let record: serde_json::Value = serde_json::from_str(newest).unwrap();
            record["outcome"]["ending"].as_str().map(ToOwned::to_owned)
        });
        endings.collect()
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
