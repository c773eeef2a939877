//! An account of AWS in moto: `account.py`, and what an operator and a test see of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_ec2::types::{Instance, InstanceStateName, Reservation, Tag};
use aws_sdk_ssm::operation::get_parameters_by_path::GetParametersByPathOutput;
use serde::Deserialize;
use serde_json::Value;
use veris::aws::Clients;
use veris::environment::{ElasticIp, Environment};

use crate::deploy::operator::Operator;
use crate::python;
use crate::stand_in::cargo_project;
use crate::support::{Project, RECIPE};

const REGION: &str = "ap-southeast-2";

/// Ends with the test.
pub(crate) struct Account {
    child: Child,
    python: PathBuf,
    endpoint: SocketAddr,
    pub(crate) project: Project,
    environment: Environment,
    pub(crate) clients: Clients,
}

/// What `account.py` says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    endpoint: SocketAddr,
    security_group: String,
    address: Ipv4Addr,
}

impl Account {
    /// An account with machines. `None`, with the reason, where moto cannot be installed.
    pub(crate) fn open() -> Option<Self> {
        Self::start(&[])
    }

    /// An account in which nobody has deployed what `veris setup` prints.
    pub(crate) fn without_setup() -> Option<Self> {
        Self::start(&["--without-setup"])
    }

    /// moto as it is.
    pub(crate) fn as_it_is() -> Option<Self> {
        Self::start(&["--as-it-is"])
    }

    /// An account with images of these versions.
    pub(crate) async fn with_versions(versions: &[&str]) -> Option<Self> {
        let account = Self::open()?;
        for (number, version) in versions.iter().enumerate() {
            account.register(version, &format!("sha256:{:064}", number + 1)).await;
        }
        Some(account)
    }

    fn start(options: &[&str]) -> Option<Self> {
        let python = python::with("moto[server]", "moto.server").map_err(|reason| skip(&reason)).ok()?;
        let mut command = script(&python, "account.py");
        command.args([REGION, "8000"]).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut made = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut made).unwrap();
        let made: Made = serde_json::from_str(&made).expect("the account says what was made in it");
        let project = cargo_project();
        let recipe = RECIPE.replace("192.0.2.21", &made.address.to_string());
        project.write("recipes/chat.yaml", &recipe.replace("sg-0fed3f02e16c4f50e", &made.security_group));
        let environment = project.load().unwrap().environment(&"prod".parse().unwrap()).unwrap().clone();
        let clients = Clients::of_emulator(made.endpoint, &environment).unwrap();
        Some(Self { child, python, endpoint: made.endpoint, project, environment, clients })
    }

    /// Somebody who works in the recipe's environment `prod`.
    pub(crate) fn operator(&self) -> Operator {
        self.operator_of(self.environment.clone())
    }

    /// Somebody whose recipe names no address.
    pub(crate) fn operator_without_address(&self) -> Operator {
        self.operator_of(Environment { address: ElasticIp::Allocate, ..self.environment.clone() })
    }

    fn operator_of(&self, environment: Environment) -> Operator {
        Operator::with(&self.project, environment, self.clients.clone(), self.project.path().join("target/bakes"))
    }

    /// What an administrator does with what `veris setup` prints.
    pub(crate) fn deploy(&self, template: &str) {
        let mut command = script(&self.python, "deploy.py");
        command.args([REGION, &self.endpoint.to_string(), "chat-prod"]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(template.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "the template cannot be deployed");
    }

    /// As a bake leaves it: an AMI with our tags.
    pub(crate) async fn register(&self, version: &str, digest: &str) -> String {
        let ec2 = &self.clients.ec2;
        let call = ec2.register_image().name(format!("chat-{version}")).root_device_name("/dev/xvda");
        let id = call.send().await.unwrap().image_id.unwrap();
        let tags = [("service", "chat"), ("version", version), ("digest", digest), ("commit", "0123456")];
        for (key, value) in tags {
            self.tag(&id, &format!("veris:{key}"), value).await;
        }
        id
    }

    /// What is wrong from now on with every instance of this version.
    pub(crate) async fn mood(&self, version: &str, mood: &str) {
        self.tag(&self.image(version).await.unwrap(), "stand-in:mood", mood).await;
    }

    async fn tag(&self, id: &str, key: &str, value: &str) {
        let tag = Tag::builder().key(key).value(value).build();
        self.clients.ec2.create_tags().resources(id).tags(tag).send().await.unwrap();
    }

    /// The AMI of a version.
    pub(crate) async fn image(&self, version: &str) -> Option<String> {
        let answer = self.clients.ec2.describe_images().owners("self").send().await.unwrap();
        let is_it = |tag: &Tag| tag.key() == Some("veris:version") && tag.value() == Some(version);
        answer.images().iter().find(|image| image.tags().iter().any(is_it)).and_then(|image| image.image_id.clone())
    }

    pub(crate) async fn instances(&self) -> Vec<Instance> {
        let answer = self.clients.ec2.describe_instances().send().await.unwrap();
        answer.reservations().iter().flat_map(Reservation::instances).cloned().collect()
    }

    pub(crate) async fn instance(&self, id: &str) -> Instance {
        self.instances().await.into_iter().find(|instance| instance.instance_id() == Some(id)).unwrap()
    }

    /// The state of an instance, as EC2 names it.
    pub(crate) async fn state_of(&self, id: &str) -> String {
        state(&self.instance(id).await)
    }

    /// Ids of the instances that run.
    pub(crate) async fn running(&self) -> Vec<String> {
        let running = self.instances().await.into_iter().filter(|it| state(it) == "running");
        running.filter_map(|instance| instance.instance_id).collect()
    }

    /// Who is behind the service's address.
    pub(crate) async fn holder(&self) -> String {
        self.address().await.instance_id.unwrap_or_default()
    }

    /// The only address of which anything is known.
    pub(crate) async fn address(&self) -> aws_sdk_ec2::types::Address {
        let mut addresses = self.clients.ec2.describe_addresses().send().await.unwrap().addresses.unwrap();
        addresses.sort_by_key(|address| address.instance_id().is_none_or(str::is_empty));
        addresses.swap_remove(0)
    }

    /// How each deployment ended, the oldest first.
    pub(crate) async fn deployments(&self) -> Vec<Option<String>> {
        let call = self.clients.ssm.get_parameters_by_path().path("/veris/chat/prod/deployments");
        let pages = call.into_paginator().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        let ending = |value: &str| {
            let record: Value = serde_json::from_str(value).unwrap();
            record["outcome"]["ending"].as_str().map(ToOwned::to_owned)
        };
        let parameters = pages.iter().flat_map(GetParametersByPathOutput::parameters);
        parameters.map(|parameter| ending(parameter.value().unwrap())).collect()
    }

    pub(crate) async fn parameter(&self, name: &str) -> Option<aws_sdk_ssm::types::Parameter> {
        self.clients.ssm.get_parameter().name(name).send().await.ok()?.parameter
    }

    /// Keys of everything in the bucket.
    pub(crate) async fn objects(&self) -> Vec<String> {
        let answer = self.clients.s3.list_objects_v2().bucket(&self.environment.bucket).send().await.unwrap();
        answer.contents().iter().filter_map(|object| object.key.clone()).collect()
    }

    pub(crate) async fn wait_until_under_way(&self, number: usize) {
        while self.deployments().await.len() < number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn wait_until_moved_from(&self, id: &str) {
        while self.holder().await == id {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Closing its input is what it waits for; the kill is for one that hangs.
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nothing is written beside the scripts, and no call goes through a proxy of the developer's.
fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/moto").join(name));
    command.env("NO_PROXY", "127.0.0.1");
    command
}

pub(crate) fn state(instance: &Instance) -> String {
    instance.state().and_then(|state| state.name()).map(InstanceStateName::to_string).unwrap_or_default()
}

#[expect(clippy::print_stderr, reason = "a skip needs its reason")]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
