//! Image Builder on the wire: resources, their versions and dependencies, client tokens, and a build that cannot begin.

use serde_json::{Value, json};

use crate::support::{Answer, Client, Sandbox, Unsigned};

mod builds;
mod configurations;
mod encryption;
mod running;
mod versions;

const REGION: &str = "arn:aws:imagebuilder:ap-southeast-2:000000000000";
const PARENT: &str = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

const INSTALL: &str = "\
schemaVersion: 1.0
parameters:
  - Version: {type: string, description: What is installed}
  - Port: {type: string, default: '8000'}
phases:
  - name: build
    steps:
      - name: Install
        action: ExecuteBash
        inputs: {commands: ['echo {{ Version }}']}
";

const SMOKE: &str = "\
schemaVersion: 1.0
phases:
  - name: test
    steps:
      - {name: Smoke, action: ExecuteBash, inputs: {commands: ['true']}}
";

/// Sends a request; `body` is the JSON of one that has any.
async fn call(client: &Client, method: &str, target: &str, body: Option<Value>) -> Answer {
    let kind = ("content-type", "application/json".to_owned());
    let body = body.map(|value| value.to_string().into_bytes()).unwrap_or_default();
    client.send(Unsigned { service: "imagebuilder", method, target, headers: vec![kind], body }).await
}

async fn put(client: &Client, operation: &str, body: Value) -> Answer {
    call(client, "PUT", &format!("/{operation}"), Some(body)).await
}

async fn list(client: &Client, operation: &str, body: Value) -> Value {
    members(&call(client, "POST", &format!("/{operation}"), Some(body)).await)
}

/// Gets or deletes what `member` names.
async fn on(client: &Client, method: &str, operation: &str, member: &str, arn: &str) -> Answer {
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    call(client, method, &format!("/{operation}?{member}={encoded}"), None).await
}

/// The members of a good answer, without what differs at each run.
fn members(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut value: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(value["requestId"], *answer.headers["x-amzn-requestid"].to_str().unwrap());
    settle(&mut value);
    value.as_object_mut().unwrap().remove("requestId");
    value
}

/// As it is snapshot.
fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// Blots out dates.
fn settle(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name.starts_with("date") || name.ends_with("Time") {
                    *member = json!("(date)");
                }
                settle(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        _ => {}
    }
}

/// Status, code and message of a refusal.
fn refusal(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    format!("{} {}: {}", answer.status, answer.code(), body["message"].as_str().unwrap())
}

fn component(name: &str, version: &str, data: &str, token: &str) -> Value {
    json!({"name": name, "semanticVersion": version, "platform": "Linux", "data": data, "clientToken": token})
}

async fn create_component(client: &Client, name: &str, data: &str) -> String {
    let made = put(client, "CreateComponent", component(name, "1.0.0", data, name)).await;
    members(&made)["componentBuildVersionArn"].as_str().unwrap().to_owned()
}

async fn create_recipe(client: &Client, components: Value) -> String {
    let request = json!({
        "name": "Veris Chat", "semanticVersion": "1.2.0", "parentImage": PARENT, "components": components,
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 8, "volumeType": "gp3"}}],
        "amiTags": {"built": "yes"}, "clientToken": "recipe",
    });
    members(&put(client, "CreateImageRecipe", request).await)["imageRecipeArn"].as_str().unwrap().to_owned()
}

async fn create_infrastructure(client: &Client) -> String {
    let request = json!({
        "name": "veris-local", "instanceTypes": ["t3.medium"], "instanceProfileName": "local-instance-profile",
        "resourceTags": {"team": "veris"}, "clientToken": "infrastructure",
    });
    let made = put(client, "CreateInfrastructureConfiguration", request).await;
    members(&made)["infrastructureConfigurationArn"].as_str().unwrap().to_owned()
}

async fn create_distribution(client: &Client) -> String {
    let request = json!({
        "name": "veris-chat", "clientToken": "distribution",
        "distributions": [{
            "region": "ap-southeast-2",
            "amiDistributionConfiguration": {
                "name": "veris-chat-1.2.0 {{ imagebuilder:buildDate }}", "amiTags": {"veris:version": "1.2.0"},
            },
        }],
    });
    let made = put(client, "CreateDistributionConfiguration", request).await;
    members(&made)["distributionConfigurationArn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_operation_answers_as_aws_does() {
    let cloud = Sandbox::start().await;
    let answer = put(&cloud.operator(), "ImportVmImage", json!({})).await;
    insta::assert_snapshot!(refusal(&answer), @"404 UnknownOperationException: The local cloud's Image Builder has no operation PUT /ImportVmImage");
    for operation in
        ["CreateImagePipeline", "CreateContainerRecipe", "CreateWorkflow", "CreateLifecyclePolicy", "RetryImage"]
    {
        let answer = put(&cloud.operator(), operation, json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "UnknownOperationException"), "{operation}");
    }
}
