//! Components and recipes: versions and builds.

use serde_json::json;

use super::*;
use crate::support::baked;

#[tokio::test]
async fn a_component_is_made_and_read_back() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let mut request = component("Install Chat_Server", "1.0.0", INSTALL, "token-1");
    request["description"] = json!("Puts the server into the image");
    request["tags"] = json!({"veris:service": "veris-chat"});
    let made = members(&put(&client, "CreateComponent", request).await);
    insta::assert_snapshot!(pretty(&made), @r#"
    {
      "componentBuildVersionArn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install-chat-server/1.0.0/1",
      "latestVersionReferences": {
        "latestVersionArn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install-chat-server/x.x.x",
        "latestMajorVersionArn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install-chat-server/1.x.x",
        "latestMinorVersionArn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install-chat-server/1.0.x",
        "latestPatchVersionArn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install-chat-server/1.0.0"
      },
      "clientToken": "token-1"
    }
    "#);
    let arn = format!("{REGION}:component/install-chat-server/1.0.0/1");
    let got = members(&on(&client, "GET", "GetComponent", "componentBuildVersionArn", &arn).await);
    insta::assert_snapshot!(pretty(&got["component"]), @r#"
    {
      "arn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install-chat-server/1.0.0/1",
      "name": "Install Chat_Server",
      "version": "1.0.0",
      "description": "Puts the server into the image",
      "type": "BUILD",
      "platform": "Linux",
      "parameters": [
        {
          "name": "Version",
          "type": "string",
          "description": "What is installed"
        },
        {
          "name": "Port",
          "type": "string",
          "defaultValue": [
            "8000"
          ]
        }
      ],
      "owner": "000000000000",
      "data": "schemaVersion: 1.0\nparameters:\n  - Version: {type: string, description: What is installed}\n  - Port: {type: string, default: '8000'}\nphases:\n  - name: build\n    steps:\n      - name: Install\n        action: ExecuteBash\n        inputs: {commands: ['echo {{ Version }}']}\n",
      "encrypted": true,
      "dateCreated": "(date)",
      "tags": {
        "veris:service": "veris-chat"
      },
      "state": {
        "status": "ACTIVE"
      }
    }
    "#);
}

#[tokio::test]
async fn a_changed_document_is_a_new_build_and_the_same_document_is_refused() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    create_component(&client, "install", INSTALL).await;
    let again = put(&client, "CreateComponent", component("INSTALL", "1.0.0", INSTALL, "token-2")).await;
    insta::assert_snapshot!(refusal(&again), @"400 ResourceAlreadyExistsException: The following resource 'Component' already exists: 'arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install/1.0.0/1'.");

    let changed = INSTALL.replace("echo", "printf");
    let second = members(&put(&client, "CreateComponent", component("install", "1.0.0", &changed, "token-3")).await);
    assert_eq!(second["componentBuildVersionArn"], format!("{REGION}:component/install/1.0.0/2"));
    let newest = format!("{REGION}:component/install/1.x.x");
    let got = members(&on(&client, "GET", "GetComponent", "componentBuildVersionArn", &newest).await);
    assert_eq!(got["component"]["arn"], second["componentBuildVersionArn"]);

    put(&client, "CreateComponent", component("install", "1.10.0", INSTALL, "token-4")).await;
    put(&client, "CreateComponent", component("install", "1.9.0", INSTALL, "token-5")).await;
    let versions = list(&client, "ListComponents", json!({"owner": "Self"})).await;
    let arns: Vec<_> = versions["componentVersionList"].as_array().unwrap().iter().map(|one| &one["arn"]).collect();
    insta::assert_snapshot!(pretty(&json!(arns)), @r#"
    [
      "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install/1.0.0",
      "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install/1.9.0",
      "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install/1.10.0"
    ]
    "#);
    let version = format!("{REGION}:component/install/1.0.0");
    let builds = list(&client, "ListComponentBuildVersions", json!({"componentVersionArn": version})).await;
    assert_eq!(builds["componentSummaryList"].as_array().unwrap().len(), 2);
    let amazons = list(&client, "ListComponents", json!({"owner": "Amazon"})).await;
    assert_eq!(amazons["componentVersionList"], json!([]));
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    for name in ["one", "two", "three"] {
        create_component(&client, name, SMOKE).await;
    }
    let mut names = Vec::new();
    let mut request = json!({"maxResults": 2});
    loop {
        let page = list(&client, "ListComponents", request.clone()).await;
        let shown = page["componentVersionList"].as_array().unwrap();
        names.extend(shown.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(names, ["one", "three", "two"]);
    let filtered = list(&client, "ListComponents", json!({"filters": [{"name": "name", "values": ["t*"]}]})).await;
    assert_eq!(filtered["componentVersionList"].as_array().unwrap().len(), 2);
    let bad = call(&client, "POST", "/ListComponents", Some(json!({"nextToken": "*"}))).await;
    assert_eq!(bad.code(), "InvalidPaginationTokenException");
}

#[tokio::test]
async fn a_page_holds_twenty_five_where_nobody_says_how_many() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    for number in 0..26 {
        create_component(&client, &format!("component {number}"), SMOKE).await;
    }
    let first = list(&client, "ListComponents", json!({})).await;
    assert_eq!(first["componentVersionList"].as_array().unwrap().len(), 25);
    let rest = list(&client, "ListComponents", json!({"nextToken": first["nextToken"]})).await;
    assert_eq!((rest["componentVersionList"].as_array().unwrap().len(), rest.get("nextToken")), (1, None));
}

#[tokio::test]
async fn a_resource_belongs_to_the_region_in_its_arn() {
    let cloud = Sandbox::start().await;
    let here = cloud.operator();
    let there = Client { region: "eu-central-1", ..cloud.operator() };
    let arn = create_component(&here, "smoke", SMOKE).await;
    assert_eq!(list(&there, "ListComponents", json!({})).await["componentVersionList"], json!([]));
    let other = create_component(&there, "smoke", SMOKE).await;
    assert_eq!(other, arn.replace("ap-southeast-2", "eu-central-1"));
    assert_eq!(list(&here, "ListComponents", json!({})).await["componentVersionList"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_document_is_read_from_s3_and_its_inputs_are_nobodys_business() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let senseless = SMOKE.replace("{commands: ['true']}", "{colour: red}");
    client.s3("PUT", "/veris-local/components/smoke.yaml", senseless.as_bytes()).await;
    let mut request = component("smoke", "1.0.0", "", "token");
    request.as_object_mut().unwrap().remove("data");
    request["uri"] = json!("s3://veris-local/components/smoke.yaml");
    let made = members(&put(&client, "CreateComponent", request.clone()).await);
    let arn = made["componentBuildVersionArn"].as_str().unwrap();
    let got = members(&on(&client, "GET", "GetComponent", "componentBuildVersionArn", arn).await);
    assert_eq!(got["component"]["data"], senseless);

    let long = format!("{SMOKE}# {}", "x".repeat(64 * 1024));
    client.s3("PUT", "/veris-local/components/smoke.yaml", long.as_bytes()).await;
    request["clientToken"] = json!("another");
    let refused = put(&client, "CreateComponent", request).await;
    assert!(refusal(&refused).contains("is larger than 65536 bytes"), "{}", refused.text());
}

#[tokio::test]
async fn a_component_that_image_builder_would_refuse_is_refused() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let good = component("install", "1.0.0", INSTALL, "token");
    let mut refusals = Vec::new();
    for change in [
        json!({"name": "x"}),
        json!({"semanticVersion": "1.0.x"}),
        json!({"semanticVersion": "1.0.1073741824"}),
        json!({"platform": "Windows"}),
        json!({"data": "x".repeat(16_001)}),
        json!({"data": INSTALL.replace("ExecuteBash", "ExecuteBsh")}),
        json!({"uri": "s3://bucket/key"}),
        json!({"data": null, "uri": "s3://../key"}),
        json!({"data": null, "uri": "s3://bucket/key"}),
        json!({"clientToken": ""}),
        json!({"clientToken": null}),
        json!({"tags": {"aws:x": "y"}}),
        json!({"colour": "blue"}),
        json!({"dryRun": true}),
    ] {
        let mut request = good.clone();
        let members = request.as_object_mut().unwrap();
        members.extend(change.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        refusals.push(refusal(&put(&client, "CreateComponent", request).await));
    }
    insta::assert_snapshot!(refusals.join("\n"));
    let left = list(&client, "ListComponents", json!({})).await;
    assert_eq!(left["componentVersionList"], json!([]));
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_one_is_refused() {
    let cloud = Sandbox::start().await;
    let request = component("install", "1.0.0", INSTALL, "token-1");
    let first = members(&put(&cloud.operator(), "CreateComponent", request.clone()).await);
    // The control plane remembers tokens beyond its own end.
    let cloud = cloud.stop().await.start().await;
    let client = cloud.operator();
    assert_eq!(members(&put(&client, "CreateComponent", request).await), first);
    let other = put(&client, "CreateComponent", component("install", "1.0.1", INSTALL, "token-1")).await;
    insta::assert_snapshot!(refusal(&other), @"400 IdempotentParameterMismatchException: The client token 'token-1' was used before for CreateComponent with other parameter values. Use a new token for a new request.");
    let versions = list(&client, "ListComponents", json!({})).await;
    assert_eq!(versions["componentVersionList"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_recipe_is_made_once_and_holds_its_components() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let install = create_component(&client, "install", INSTALL).await;
    let smoke = create_component(&client, "smoke", SMOKE).await;
    let parameters = json!([{"name": "Version", "value": ["1.2.0"]}]);
    let components = json!([{"componentArn": install, "parameters": parameters}, {"componentArn": smoke}]);
    let recipe = create_recipe(&client, components.clone()).await;
    let got = members(&on(&client, "GET", "GetImageRecipe", "imageRecipeArn", &recipe).await);
    insta::assert_snapshot!(pretty(&got["imageRecipe"]), @r#"
    {
      "arn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:image-recipe/veris-chat/1.2.0",
      "name": "Veris Chat",
      "platform": "Linux",
      "owner": "000000000000",
      "version": "1.2.0",
      "components": [
        {
          "componentArn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/install/1.0.0/1",
          "parameters": [
            {
              "name": "Version",
              "value": [
                "1.2.0"
              ]
            }
          ]
        },
        {
          "componentArn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:component/smoke/1.0.0/1"
        }
      ],
      "parentImage": "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
      "blockDeviceMappings": [
        {
          "deviceName": "/dev/xvda",
          "ebs": {
            "volumeSize": 8,
            "volumeType": "gp3"
          }
        }
      ],
      "dateCreated": "(date)",
      "tags": {},
      "amiTags": {
        "built": "yes"
      }
    }
    "#);

    let mut request = json!({
        "name": "veris chat", "semanticVersion": "1.2.0", "parentImage": PARENT, "components": components, "clientToken": "b",
    });
    insta::assert_snapshot!(refusal(&put(&client, "CreateImageRecipe", request.clone()).await), @"400 ResourceAlreadyExistsException: The following resource 'ImageRecipe' already exists: 'arn:aws:imagebuilder:ap-southeast-2:000000000000:image-recipe/veris-chat/1.2.0'.");
    request["semanticVersion"] = json!("1.x.x");
    let next = members(&put(&client, "CreateImageRecipe", request).await);
    assert_eq!(next["imageRecipeArn"], format!("{REGION}:image-recipe/veris-chat/1.3.0"));

    let used = on(&client, "DELETE", "DeleteComponent", "componentBuildVersionArn", &smoke).await;
    insta::assert_snapshot!(refusal(&used), @"400 ResourceDependencyException: Resource dependency error: The resource ARN 'arn:aws:imagebuilder:ap-southeast-2:000000000000:component/smoke/1.0.0/1' has other resources depended on it: 'arn:aws:imagebuilder:ap-southeast-2:000000000000:image-recipe/veris-chat/1.2.0', 'arn:aws:imagebuilder:ap-southeast-2:000000000000:image-recipe/veris-chat/1.3.0'.");
    for version in ["1.2.0", "1.3.0"] {
        let arn = format!("{REGION}:image-recipe/veris-chat/{version}");
        assert_eq!(on(&client, "DELETE", "DeleteImageRecipe", "imageRecipeArn", &arn).await.status, 200);
    }
    assert_eq!(on(&client, "DELETE", "DeleteComponent", "componentBuildVersionArn", &smoke).await.status, 200);
    let gone = on(&client, "GET", "GetComponent", "componentBuildVersionArn", &smoke).await;
    insta::assert_snapshot!(refusal(&gone), @"404 ResourceNotFoundException: The resource with ARN 'arn:aws:imagebuilder:ap-southeast-2:000000000000:component/smoke/1.0.0/1' cannot be found.");
}

#[tokio::test]
async fn a_recipe_that_image_builder_would_refuse_is_refused() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let install = create_component(&client, "install", INSTALL).await;
    let smoke = create_component(&client, "smoke", SMOKE).await;
    let twenty_one: Vec<_> = (0..21).map(|_| json!({"componentArn": smoke})).collect();
    let version = json!({"name": "Version", "value": ["1.2.0"]});
    let good = json!({
        "name": "chat", "semanticVersion": "1.0.0", "parentImage": PARENT, "components": [{"componentArn": smoke}],
        "clientToken": "token",
    });
    let mut refusals = Vec::new();
    for change in [
        json!({"semanticVersion": "1.x.0"}),
        json!({"parentImage": "ami-0123456789abcdef0"}),
        json!({"parentImage": "ssm:/nothing/here"}),
        json!({"parentImage": "amazon-linux"}),
        json!({"components": [{"componentArn": format!("{REGION}:component/nothing/x.x.x")}]}),
        json!({"components": [{"componentArn": "arn:aws:imagebuilder:ap-southeast-2:aws:component/update-linux/x.x.x"}]}),
        json!({"components": [{"componentArn": smoke}, {"componentArn": format!("{REGION}:component/smoke/x.x.x")}]}),
        json!({"components": [{"componentArn": install}]}),
        json!({"components": [{"componentArn": install, "parameters": [version, {"name": "Colour", "value": ["red"]}]}]}),
        json!({"components": [{"componentArn": install, "parameters": [{"name": "Version", "value": []}]}]}),
        json!({"components": twenty_one}),
        json!({"workingDirectory": "tmp"}),
        json!({"blockDeviceMappings": [{"deviceName": "/dev/sdb", "ebs": {"volumeSize": 8}}]}),
        json!({"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 0}}]}),
    ] {
        let mut request = good.clone();
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refusals.push(refusal(&put(&client, "CreateImageRecipe", request).await));
    }
    insta::assert_snapshot!(refusals.join("\n"));
}

#[tokio::test]
async fn a_recipe_is_among_those_who_use_its_parent() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    let smoke = create_component(&client, "smoke", SMOKE).await;
    let request = json!({
        "name": "over it", "semanticVersion": "1.0.0", "parentImage": "ami-0a0a0a0a0a0a0a0a0",
        "components": [{"componentArn": smoke}], "clientToken": "token",
    });
    let made = members(&put(&client, "CreateImageRecipe", request).await);
    let all = "ImageId.1=ami-0a0a0a0a0a0a0a0a0&IncludeAllResourceTypes=true";
    let used = client.ec2("DescribeImageReferences", all).await;
    assert_eq!(used.element("arn").as_deref(), made["imageRecipeArn"].as_str(), "{}", used.text());
}
