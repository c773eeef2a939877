//! Infrastructure and distribution configurations, and the tags of any resource.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_infrastructure_configuration_lives_changes_and_goes() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let arn = create_infrastructure(&client).await;
    let member = "infrastructureConfigurationArn";
    let update = json!({
        member: arn, "instanceProfileName": "local-instance-profile", "terminateInstanceOnFailure": false,
        "instanceMetadataOptions": {"httpTokens": "required"}, "clientToken": "update",
    });
    assert_eq!(put(&client, "UpdateInfrastructureConfiguration", update).await.status, 200);
    let got = members(&on(&client, "GET", "GetInfrastructureConfiguration", member, &arn).await);
    // An update replaces every setting: types and resource tags are gone.
    insta::assert_snapshot!(pretty(&got["infrastructureConfiguration"]), @r#"
    {
      "arn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:infrastructure-configuration/veris-local",
      "name": "veris-local",
      "dateCreated": "(date)",
      "dateUpdated": "(date)",
      "tags": {},
      "instanceProfileName": "local-instance-profile",
      "terminateInstanceOnFailure": false,
      "instanceMetadataOptions": {
        "httpTokens": "required"
      }
    }
    "#);
    let listed = list(&client, "ListInfrastructureConfigurations", json!({})).await;
    insta::assert_snapshot!(pretty(&listed["infrastructureConfigurationSummaryList"]), @r#"
    [
      {
        "arn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:infrastructure-configuration/veris-local",
        "name": "veris-local",
        "dateCreated": "(date)",
        "dateUpdated": "(date)",
        "tags": {},
        "instanceProfileName": "local-instance-profile"
      }
    ]
    "#);
    assert_eq!(on(&client, "DELETE", "DeleteInfrastructureConfiguration", member, &arn).await.status, 200);
    let gone = on(&client, "DELETE", "DeleteInfrastructureConfiguration", member, &arn).await;
    insta::assert_snapshot!(refusal(&gone), @"404 ResourceNotFoundException: The resource with ARN 'arn:aws:imagebuilder:ap-southeast-2:000000000000:infrastructure-configuration/veris-local' cannot be found.");
}

#[tokio::test]
async fn an_infrastructure_configuration_that_image_builder_would_refuse_is_refused() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    create_infrastructure(&client).await;
    let good = json!({"name": "other", "instanceProfileName": "local-instance-profile", "clientToken": "token"});
    let mut refusals = Vec::new();
    for change in [
        json!({"name": "VERIS_LOCAL"}),
        json!({"instanceProfileName": "rmit-workload-veris"}),
        json!({"subnetId": "subnet-1"}),
        json!({"instanceMetadataOptions": {"httpTokens": "never"}}),
        json!({"logging": {"s3Logs": {"s3BucketName": "..", "s3KeyPrefix": "logs"}}}),
        json!({"logging": {"s3Logs": {"s3BucketName": "veris-local", "s3KeyPrefix": "a/../../b"}}}),
        json!({"snsTopicArn": "arn:aws:sns:ap-southeast-2:000000000000:builds"}),
    ] {
        let mut request = good.clone();
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refusals.push(refusal(&put(&client, "CreateInfrastructureConfiguration", request).await));
    }
    insta::assert_snapshot!(refusals.join("\n"));
}

#[tokio::test]
async fn a_distribution_configuration_lives_changes_and_goes() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let arn = create_distribution(&client).await;
    let member = "distributionConfigurationArn";
    let update = json!({
        member: arn, "description": "newest", "clientToken": "update",
        "distributions": [{"region": "ap-southeast-2", "ssmParameterConfigurations": [{"parameterName": "/veris/newest"}]}],
    });
    assert_eq!(put(&client, "UpdateDistributionConfiguration", update).await.status, 200);
    let got = members(&on(&client, "GET", "GetDistributionConfiguration", member, &arn).await);
    insta::assert_snapshot!(pretty(&got["distributionConfiguration"]), @r#"
    {
      "arn": "arn:aws:imagebuilder:ap-southeast-2:000000000000:distribution-configuration/veris-chat",
      "name": "veris-chat",
      "description": "newest",
      "distributions": [
        {
          "region": "ap-southeast-2",
          "ssmParameterConfigurations": [
            {
              "parameterName": "/veris/newest"
            }
          ]
        }
      ],
      "timeoutMinutes": 720,
      "dateCreated": "(date)",
      "dateUpdated": "(date)",
      "tags": {}
    }
    "#);
    let listed = list(&client, "ListDistributionConfigurations", json!({})).await;
    assert_eq!(listed["distributionConfigurationSummaryList"][0]["regions"], json!(["ap-southeast-2"]));
    assert_eq!(on(&client, "DELETE", "DeleteDistributionConfiguration", member, &arn).await.status, 200);
    assert_eq!(on(&client, "GET", "GetDistributionConfiguration", member, &arn).await.status, 404);
}

#[tokio::test]
async fn a_distribution_that_image_builder_would_refuse_is_refused() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let mut refusals = Vec::new();
    for distributions in [
        json!([]),
        json!([{"region": "us-east-1"}]),
        json!([{"region": "ap-southeast-2", "amiDistributionConfiguration": {"name": "veris-chat"}}]),
        json!([{"region": "ap-southeast-2", "amiDistributionConfiguration": {"name": "chat? {{ imagebuilder:buildDate }}"}}]),
        json!([{"region": "ap-southeast-2", "amiDistributionConfiguration": {"targetAccountIds": ["111111111111"]}}]),
        json!([{"region": "ap-southeast-2", "ssmParameterConfigurations": [{"parameterName": "a b"}]}]),
    ] {
        let request = json!({"name": "chat", "distributions": distributions, "clientToken": "token"});
        refusals.push(refusal(&put(&client, "CreateDistributionConfiguration", request).await));
    }
    insta::assert_snapshot!(refusals.join("\n"));
}

#[tokio::test]
async fn tags_are_given_read_and_taken_away() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let arn = create_component(&client, "install", INSTALL).await;
    let target = format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"));
    let given = call(&client, "POST", &target, Some(json!({"tags": {"a": "1", "b": "2"}}))).await;
    assert_eq!((given.status, given.text().as_str()), (200, "{}"));
    let taken = call(&client, "DELETE", &format!("{target}?tagKeys=a&tagKeys=missing"), None).await;
    assert_eq!(taken.status, 200);
    assert_eq!(call(&client, "GET", &target, None).await.text(), r#"{"tags":{"b":"2"}}"#);
    let elsewhere = call(&client, "GET", &target.replace("install", "nothing"), None).await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (404, "ResourceNotFoundException"));
    assert_eq!(call(&client, "GET", "/tags/nonsense", None).await.code(), "InvalidParameterException");
}

#[tokio::test]
async fn a_parent_is_looked_for_in_the_region_of_the_recipe() {
    let cloud = Sandbox::with_state(crate::support::baked).await;
    let there = Client { region: "eu-central-1", ..cloud.operator() };
    let smoke = create_component(&there, "smoke", SMOKE).await;
    let recipe = |name: &str, parent: &str| {
        json!({
            "name": name, "semanticVersion": "1.0.0", "parentImage": parent, "components": [{"componentArn": smoke}],
            "clientToken": name,
        })
    };
    let baked = put(&there, "CreateImageRecipe", recipe("over-baked", "ami-0a0a0a0a0a0a0a0a0")).await;
    assert_eq!(baked.code(), "InvalidParameterValueException", "{}", baked.text());
    assert!(baked.text().contains("does not exist"), "{}", baked.text());
    assert_eq!(put(&there, "CreateImageRecipe", recipe("over-parent", PARENT)).await.status, 200);
    let named = json!({"Name": "/parent", "Value": "ami-0a0a0a0a0a0a0a0a0", "Type": "String"});
    assert_eq!(cloud.operator().ssm("PutParameter", named).await.status, 200);
    let named = put(&there, "CreateImageRecipe", recipe("over-named", "ssm:/parent")).await;
    assert!(named.text().contains("There is no parameter '/parent'"), "{}", named.text());
}

#[tokio::test]
async fn groups_subnet_and_key_pair_are_kept() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let kept = json!({"securityGroupIds": ["sg-1"], "subnetId": "subnet-1", "keyPair": "mine"});
    let mut request = json!({"name": "kept", "instanceProfileName": "local-instance-profile", "clientToken": "kept"});
    request.as_object_mut().unwrap().extend(kept.as_object().unwrap().clone());
    let made = members(&put(&client, "CreateInfrastructureConfiguration", request).await);
    let arn = made["infrastructureConfigurationArn"].as_str().unwrap();
    let member = "infrastructureConfigurationArn";
    let got = members(&on(&client, "GET", "GetInfrastructureConfiguration", member, arn).await);
    for (name, value) in kept.as_object().unwrap() {
        assert_eq!(got["infrastructureConfiguration"][name], *value);
    }
}

#[tokio::test]
async fn a_distribution_neither_shares_encrypts_nor_exports() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    for (ami, more) in [
        (json!({"launchPermission": {"userIds": ["111111111111"]}}), json!({})),
        (json!({"kmsKeyId": "alias/mine"}), json!({})),
        (
            json!({}),
            json!({"s3ExportConfiguration": {"s3Bucket": "veris-local", "diskImageFormat": "RAW", "roleName": "a"}}),
        ),
    ] {
        let mut distribution = json!({"region": "ap-southeast-2", "amiDistributionConfiguration": ami});
        distribution.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = json!({"name": "chat", "distributions": [distribution], "clientToken": "token"});
        let refused = put(&client, "CreateDistributionConfiguration", request).await;
        assert_eq!(refused.code(), "InvalidRequestException", "{}", refused.text());
    }
}
