//! Builds, as far as they go without a guest: the component runner does not exist here, so no instance is launched.

use std::time::Duration;

use local_cloud::state::image_builder::{Ami, ImageStatus, StepStatus, WorkflowStatus};
use local_cloud::store::Store;
use serde_json::json;

use super::*;
use crate::support::launched;

/// Asks for an image of one component and answers its ARN.
async fn create_image(client: &Client) -> String {
    let install = create_component(client, "install", INSTALL).await;
    let parameters = json!([{"name": "Version", "value": ["1.2.0"]}]);
    let recipe = create_recipe(client, json!([{"componentArn": install, "parameters": parameters}])).await;
    let (infrastructure, distribution) = (create_infrastructure(client).await, create_distribution(client).await);
    let request = json!({
        "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure,
        "distributionConfigurationArn": distribution, "clientToken": "image",
    });
    let made = members(&put(client, "CreateImage", request.clone()).await);
    assert_eq!(members(&put(client, "CreateImage", request).await), made, "the same token means the same image");
    made["imageBuildVersionArn"].as_str().unwrap().to_owned()
}

/// Waits until nothing happens to the image any more.
pub(super) async fn ended(client: &Client, arn: &str) -> Value {
    loop {
        let image = members(&on(client, "GET", "GetImage", "imageBuildVersionArn", arn).await)["image"].clone();
        if ["AVAILABLE", "FAILED", "CANCELLED"].contains(&image["state"]["status"].as_str().unwrap()) {
            return image;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Blots out random ids.
fn without_ids(value: &Value) -> Value {
    let mut text = value.to_string();
    for prefix in ["\"wf-", "\"step-"] {
        let mut from = 0;
        while let Some(at) = text[from..].find(prefix).map(|at| from + at + prefix.len()) {
            text.replace_range(at..at + 36, "(id)");
            from = at;
        }
    }
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_build_that_cannot_begin_fails_with_its_reason() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let arn = create_image(&client).await;
    assert_eq!(arn, format!("{REGION}:image/veris-chat/1.2.0/1"));
    let image = ended(&client, &arn).await;
    insta::assert_snapshot!(pretty(&without_ids(&image)));

    let workflows = list(&client, "ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).await;
    insta::assert_snapshot!(pretty(&without_ids(&workflows)));
    let id = workflows["workflowExecutions"][0]["workflowExecutionId"].as_str().unwrap();
    let got = members(&on(&client, "GET", "GetWorkflowExecution", "workflowExecutionId", id).await);
    assert_eq!(got["status"], "FAILED");
    let steps = list(&client, "ListWorkflowStepExecutions", json!({"workflowExecutionId": id})).await;
    insta::assert_snapshot!(pretty(&without_ids(&steps["steps"][0])), @r#"
    {
      "stepExecutionId": "step-(id)",
      "name": "LaunchBuildInstance",
      "action": "LaunchInstance",
      "status": "FAILED",
      "message": "failed to write the seed of the instance: failed to open file `veris-toe`: No such file or directory (os error 2)",
      "startTime": "(date)",
      "endTime": "(date)"
    }
    "#);
    let statuses: Vec<_> = steps["steps"].as_array().unwrap().iter().map(|step| &step["status"]).collect();
    assert_eq!(json!(statuses), json!(["FAILED", "SKIPPED", "SKIPPED", "SKIPPED", "SKIPPED"]));
    let step = steps["steps"][0]["stepExecutionId"].as_str().unwrap();
    let got = members(&on(&client, "GET", "GetWorkflowStepExecution", "stepExecutionId", step).await);
    assert_eq!(got["imageBuildVersionArn"], arn);
}

#[tokio::test]
async fn an_ended_build_can_be_listed_and_deleted_but_not_cancelled() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let arn = create_image(&client).await;
    ended(&client, &arn).await;
    let cancel = json!({"imageBuildVersionArn": arn, "clientToken": "cancel"});
    insta::assert_snapshot!(refusal(&put(&client, "CancelImageCreation", cancel).await), @"400 InvalidRequestException: The image 'arn:aws:imagebuilder:ap-southeast-2:000000000000:image/veris-chat/1.2.0/1' is FAILED: only an image that is being built can be cancelled.");
    let versions = list(&client, "ListImages", json!({})).await;
    insta::assert_snapshot!(pretty(&versions["imageVersionList"]), @r#"
    [
      {
        "arn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:image/veris-chat/1.2.0",
        "type": "AMI",
        "name": "Veris Chat",
        "version": "1.2.0",
        "platform": "Linux",
        "imageSource": "CUSTOM",
        "dateCreated": "(date)",
        "buildType": "USER_INITIATED",
        "owner": "000000000000"
      }
    ]
    "#);
    let version = arn.trim_end_matches("/1");
    let builds = list(&client, "ListImageBuildVersions", json!({"imageVersionArn": version})).await;
    assert_eq!(builds["imageSummaryList"][0]["state"]["status"], "FAILED");

    let recipe = format!("{REGION}:image-recipe/veris-chat/1.2.0");
    let used = on(&client, "DELETE", "DeleteImageRecipe", "imageRecipeArn", &recipe).await;
    insta::assert_snapshot!(refusal(&used), @"400 ResourceDependencyException: Resource dependency error: The resource ARN 'arn:aws:imagebuilder:ap-southeast-2:000000000000:image-recipe/veris-chat/1.2.0' has other resources depended on it: 'arn:aws:imagebuilder:ap-southeast-2:000000000000:image/veris-chat/1.2.0/1'.");
    let workflows = list(&client, "ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).await;
    let id = workflows["workflowExecutions"][0]["workflowExecutionId"].as_str().unwrap().to_owned();
    assert_eq!(on(&client, "DELETE", "DeleteImage", "imageBuildVersionArn", &arn).await.status, 200);
    assert_eq!(on(&client, "GET", "GetImage", "imageBuildVersionArn", &arn).await.status, 404);
    assert_eq!(on(&client, "GET", "GetWorkflowExecution", "workflowExecutionId", &id).await.status, 404);
    assert_eq!(on(&client, "DELETE", "DeleteImageRecipe", "imageRecipeArn", &recipe).await.status, 200);
}

#[tokio::test]
async fn a_build_that_was_cut_off_by_a_restart_is_failed() {
    let cloud = Sandbox::start().await;
    let arn = create_image(&cloud.operator()).await;
    ended(&cloud.operator(), &arn).await;
    let stopped = cloud.stop().await;
    let store = Store::open(stopped.layout.state()).unwrap();
    store
        .change(|state| {
            state.image_builder.images.get_mut(&arn).unwrap().image.state = ImageStatus::Building.into();
            let workflow = state.image_builder.workflows.values_mut().next().unwrap();
            workflow.status = WorkflowStatus::Running;
            workflow.steps[0].status = StepStatus::Completed;
            workflow.steps[1].status = StepStatus::Running;
            Ok(())
        })
        .unwrap();
    drop(store);
    let cloud = stopped.start().await;
    let image = ended(&cloud.operator(), &arn).await;
    insta::assert_snapshot!(pretty(&without_ids(&image["state"])), @r#"
    {
      "status": "FAILED",
      "reason": "BUILDING: ApplyBuildComponents: the local cloud was stopped during the build",
      "failureContext": {
        "imageStatus": "BUILDING",
        "workflowExecutionId": "wf-(id)",
        "workflowArn": "arn:aws:imagebuilder:ap-southeast-2:aws:workflow/build/build-image/1.0.2/1",
        "stepExecutionId": "step-(id)",
        "failedStep": "ApplyBuildComponents"
      }
    }
    "#);
}

#[tokio::test]
async fn an_image_needs_what_it_names() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let infrastructure = create_infrastructure(&client).await;
    let missing = format!("{REGION}:image-recipe/nothing/x.x.x");
    let mut refusals = Vec::new();
    for request in [
        json!({"infrastructureConfigurationArn": infrastructure}),
        json!({"imageRecipeArn": missing, "infrastructureConfigurationArn": infrastructure}),
        json!({"imageRecipeArn": "chat", "infrastructureConfigurationArn": infrastructure}),
        json!({"imageRecipeArn": missing}),
        json!({"containerRecipeArn": missing, "infrastructureConfigurationArn": infrastructure}),
    ] {
        let mut request = request;
        request["clientToken"] = json!("token");
        refusals.push(refusal(&put(&client, "CreateImage", request).await));
    }
    insta::assert_snapshot!(refusals.join("\n"));
}

#[tokio::test]
async fn an_ami_whose_tests_have_failed_stays_without_the_tags_of_its_distribution() {
    let cloud = Sandbox::start().await;
    let arn = create_image(&cloud.operator()).await;
    let cloud = cut_off_while_testing(cloud, &arn, None).await;
    let client = cloud.operator();
    let image = ended(&client, &arn).await;
    assert_eq!(image["state"]["status"], "FAILED");
    assert_eq!(image["outputResources"]["amis"][0]["image"], "ami-0a0a0a0a0a0a0a0a0");
    assert_eq!(client.ec2("DescribeInstances", "").await.element("name").as_deref(), Some("terminated"));

    assert_eq!(on(&client, "DELETE", "DeleteImage", "imageBuildVersionArn", &arn).await.status, 200);
    let ami = client.ec2("DescribeImages", "ImageId.1=ami-0a0a0a0a0a0a0a0a0").await;
    assert_eq!(ami.element("imageState").as_deref(), Some("available"), "{}", ami.text());
    assert!(!ami.text().contains("veris:digest"), "{}", ami.text());
}

#[tokio::test]
async fn an_instance_of_a_failed_build_is_kept_where_the_configuration_says_so() {
    let cloud = Sandbox::start().await;
    let arn = create_image(&cloud.operator()).await;
    let cloud = cut_off_while_testing(cloud, &arn, Some(false)).await;
    assert_eq!(ended(&cloud.operator(), &arn).await["state"]["status"], "FAILED");
    let instances = cloud.operator().ec2("DescribeInstances", "").await;
    assert_eq!(instances.element("name").as_deref(), Some("stopped"), "{}", instances.text());
}

/// Starts the cloud again as if it had stopped while the image's AMI was tested.
async fn cut_off_while_testing(cloud: Sandbox, arn: &str, terminate_on_failure: Option<bool>) -> Sandbox {
    ended(&cloud.operator(), arn).await;
    let stopped = cloud.stop().await;
    let store = Store::open(stopped.layout.state()).unwrap();
    let changed = store.change(|state| {
        launched(state);
        let instance = state.instances.values_mut().next().unwrap();
        instance.agent = true;
        instance.tags.insert("Ec2ImageBuilderArn".into(), arn.into());
        let image = &mut state.image_builder.images.get_mut(arn).unwrap().image;
        image.state = ImageStatus::Testing.into();
        image.infrastructure_configuration.settings.terminate_instance_on_failure = terminate_on_failure;
        image.output_resources.amis = vec![Ami {
            region: "ap-southeast-2".into(),
            image: "ami-0a0a0a0a0a0a0a0a0".into(),
            name: "veris-chat/1.2.0".into(),
            description: None,
            state: ImageStatus::Available.into(),
            account_id: "000000000000".into(),
        }];
        let distribution = &mut image.distribution_configuration.as_mut().unwrap().distributions[0];
        let ami = distribution.ami_distribution_configuration.as_mut().unwrap();
        ami.ami_tags.insert("veris:digest".into(), "sha256:00".into());
        Ok(())
    });
    changed.unwrap();
    drop(store);
    stopped.start().await
}
