//! Builds whose instance is launched and cannot boot, because the parent image here is an empty disk.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use super::builds::ended;
use super::*;

/// Asks for an image, and answers its ARN.
async fn create_image(client: &Client, infrastructure: &str) -> String {
    let smoke = create_component(client, "smoke", &SMOKE.replace("test", "build")).await;
    let recipe = create_recipe(client, json!([{"componentArn": smoke}])).await;
    let request = json!({
        "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure,
        "distributionConfigurationArn": create_distribution(client).await, "clientToken": "image",
    });
    let made = members(&put(client, "CreateImage", request).await);
    made["imageBuildVersionArn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_build_instance_has_its_tags_and_type_and_leaves_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let runner = directory.path().join("veris-toe");
    fs_err::write(&runner, "never run").unwrap();
    let cloud = Sandbox::with_runner(runner).await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let infrastructure = json!({
        "name": "no-type", "instanceProfileName": "local-instance-profile", "resourceTags": {"team": "veris"},
        "logging": {"s3Logs": {"s3BucketName": "veris-local", "s3KeyPrefix": "logs"}}, "clientToken": "no-type",
    });
    let infrastructure = members(&put(&client, "CreateInfrastructureConfiguration", infrastructure).await);
    let arn = create_image(&client, infrastructure["infrastructureConfigurationArn"].as_str().unwrap()).await;
    let image = ended(&client, &arn).await;
    let reason = image["state"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("BUILDING: LaunchBuildInstance: the instance i-"), "{reason}");

    let instance = client.ec2("DescribeInstances", "Filter.1.Name=tag:team&Filter.1.Value.1=veris").await;
    assert_eq!(instance.element("instanceType").as_deref(), Some("m5.large"), "{}", instance.text());
    assert_eq!(instance.element("name").as_deref(), Some("terminated"));
    for tag in ["EC2 Image Builder", &arn, "Build instance for Veris Chat"] {
        assert!(instance.text().contains(&format!("<value>{tag}</value>")), "{}", instance.text());
    }
    let log = client.s3("GET", "/veris-local/logs/veris-chat/1.2.0/1/build.log", b"").await;
    assert_eq!(log.status, 200, "{}", log.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_running_build_needs_is_kept_and_a_cancelled_build_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let runner = Pipe::make(directory.path());
    let cloud = Sandbox::with_runner(runner.0.clone()).await;
    let client = cloud.operator();
    let infrastructure = create_infrastructure(&client).await;
    let arn = create_image(&client, &infrastructure).await;
    let distribution = format!("{REGION}:distribution-configuration/veris-chat");
    for (operation, member, arn) in [
        ("DeleteImage", "imageBuildVersionArn", &arn),
        ("DeleteInfrastructureConfiguration", "infrastructureConfigurationArn", &infrastructure),
        ("DeleteDistributionConfiguration", "distributionConfigurationArn", &distribution),
    ] {
        let refused = on(&client, "DELETE", operation, member, arn).await;
        assert_eq!(refused.code(), "ResourceDependencyException", "{operation}: {}", refused.text());
    }

    let cancel = json!({"imageBuildVersionArn": arn, "clientToken": "cancel"});
    assert_eq!(put(&client, "CancelImageCreation", cancel).await.status, 200);
    drop(runner);
    let image = ended(&client, &arn).await;
    assert_eq!(image["state"], json!({"status": "CANCELLED"}), "{image}");
    let instances = client.ec2("DescribeInstances", "").await.text();
    assert!(!instances.contains("<name>running</name>") && !instances.contains("<name>pending</name>"), "{instances}");
    assert_eq!(on(&client, "DELETE", "DeleteImage", "imageBuildVersionArn", &arn).await.status, 200);
}

/// A component runner that is a pipe: a build stands still while it reads it, until this is dropped.
struct Pipe(PathBuf);

impl Pipe {
    fn make(directory: &Path) -> Self {
        let path = directory.join("veris-toe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Self(path)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Opened for both, so that it does not wait for the reader.
        drop(std::fs::File::options().read(true).write(true).open(&self.0));
    }
}
