//! What belongs to a region, and what is seen from all of them.

use local_cloud::state::{ACCOUNT, HOME_REGION};
use serde_json::{Value, json};

use crate::ec2_copies::{abroad, with_disk};
use crate::support::{Client, Sandbox, addressed};

const PARENT_PARAMETER: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

#[tokio::test]
async fn images_snapshots_and_parameters_are_found_in_their_region_only() {
    let cloud = with_disk(|_| {}).await;
    let (here, there) = (cloud.operator(), abroad(&cloud));
    let image = "ami-0a0a0a0a0a0a0a0a0";
    for (action, parameters, code) in [
        ("DescribeImages", format!("ImageId.1={image}"), "InvalidAMIID.NotFound"),
        ("DeregisterImage", format!("ImageId={image}"), "InvalidAMIID.NotFound"),
        ("DescribeImageReferences", format!("ImageId.1={image}&IncludeAllResourceTypes=true"), "InvalidAMIID.NotFound"),
        ("CreateTags", format!("ResourceId.1={image}&Tag.1.Key=a&Tag.1.Value=b"), "InvalidAMIID.NotFound"),
        ("DeleteTags", format!("ResourceId.1={image}"), "InvalidAMIID.NotFound"),
        (
            "RunInstances",
            format!("ImageId={image}&InstanceType=t3.nano&MinCount=1&MaxCount=1"),
            "InvalidAMIID.NotFound",
        ),
        ("CopyImage", format!("SourceImageId={image}&SourceRegion=eu-central-1&Name=copy"), "InvalidAMIID.NotFound"),
        ("DescribeSnapshots", "SnapshotId.1=snap-0b0b0b0b0b0b0b0b0".to_owned(), "InvalidSnapshot.NotFound"),
        ("DeleteSnapshot", "SnapshotId=snap-0b0b0b0b0b0b0b0b0".to_owned(), "InvalidSnapshot.NotFound"),
        ("CreateTags", "ResourceId.1=snap-0b0b0b0b0b0b0b0b0&Tag.1.Key=a".to_owned(), "InvalidSnapshot.NotFound"),
    ] {
        let refused = there.ec2(action, &parameters).await;
        assert_eq!(refused.code(), code, "{action}: {}", refused.text());
    }
    assert_eq!(there.ec2("DescribeTags", "").await.element("key"), None);
    assert_eq!(there.ec2("DescribeSnapshots", "Owner.1=self").await.element("snapshotId"), None);

    let kept = json!({"Name": "/kept", "Value": "here", "Type": "String"});
    assert_eq!(here.ssm("PutParameter", kept.clone()).await.status, 200);
    assert_eq!(there.ssm("GetParameter", json!({"Name": "/kept"})).await.code(), "ParameterNotFound");
    assert_eq!(there.ssm("DeleteParameter", json!({"Name": "/kept"})).await.code(), "ParameterNotFound");
    let named = json!({"Name": "/image", "Value": image, "Type": "String", "DataType": "aws:ec2:image"});
    assert_eq!(there.ssm("PutParameter", named.clone()).await.code(), "ValidationException");
    assert_eq!(here.ssm("PutParameter", named).await.status, 200);
    let by_name = "ImageId=resolve:ssm:/image&InstanceType=t3.nano&MinCount=1&MaxCount=1&DryRun=true";
    assert_eq!(here.ec2("RunInstances", by_name).await.code(), "DryRunOperation");
    assert_eq!(there.ec2("RunInstances", by_name).await.code(), "InvalidParameterValue");
    let kept = json!({"Name": "/kept", "Value": "there", "Type": "String"});
    assert_eq!(there.ssm("PutParameter", kept).await.status, 200);
    for (client, value) in [(&here, "here"), (&there, "there")] {
        let found = client.ssm("GetParametersByPath", json!({"Path": "/"})).await;
        let found: Value = serde_json::from_slice(&found.body).unwrap();
        assert!(found["Parameters"].as_array().unwrap().iter().any(|it| it["Value"] == value), "{found}");
        let arn = format!("arn:aws:ssm:{}:{ACCOUNT}:parameter/kept", client.region);
        assert!(found["Parameters"].as_array().unwrap().iter().any(|it| it["ARN"] == *arn), "{found}");
    }
}

#[tokio::test]
async fn the_parent_image_is_in_every_region_under_another_id() {
    let cloud = Sandbox::start().await;
    let mut seen = Vec::new();
    for region in [HOME_REGION, "eu-central-1", "us-east-1"] {
        let client = Client { region, ..cloud.operator() };
        let named = client.ssm("GetParameter", json!({"Name": PARENT_PARAMETER})).await;
        let named: Value = serde_json::from_slice(&named.body).unwrap();
        let id = named["Parameter"]["Value"].as_str().unwrap().to_owned();
        let shown = client.ec2("DescribeImages", "Owner.1=amazon").await;
        assert_eq!(shown.element("imageId").as_deref(), Some(id.as_str()), "{}", shown.text());
        let copied = client.ec2("CopyImage", &format!("SourceImageId={id}&SourceRegion={region}&Name=copy")).await;
        assert_eq!(copied.code(), "InvalidRequest", "{}", copied.text());
        assert!(copied.text().contains("permission to access the storage"), "{}", copied.text());
        seen.push(id);
    }
    let cloud = cloud.stop().await.start().await;
    for (region, id) in [HOME_REGION, "eu-central-1", "us-east-1"].into_iter().zip(&seen) {
        let client = Client { region, ..cloud.operator() };
        let shown = client.ec2("DescribeImages", "").await;
        assert_eq!(shown.element("imageId").as_ref(), Some(id));
        assert_eq!(shown.text().matches("<imageId>").count(), 1, "{}", shown.text());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[tokio::test]
async fn all_else_is_seen_from_every_region() {
    let cloud = Sandbox::with_state(addressed).await;
    let there = Client { region: "eu-central-1", ..cloud.operator() };
    let instances = there.ec2("DescribeInstances", "").await;
    assert_eq!(instances.element("availabilityZone").as_deref(), Some("eu-central-1a"), "{}", instances.text());
    assert_eq!(instances.element("imageId").as_deref(), Some("ami-0a0a0a0a0a0a0a0a0"), "{}", instances.text());
    let zones = there.ec2("DescribeAvailabilityZones", "").await;
    assert_eq!(zones.element("regionName").as_deref(), Some("eu-central-1"), "{}", zones.text());
    let token = "11111111-2222-3333-4444-555555555555";
    let secret = json!({"Name": "veris/prod", "SecretString": "secret", "ClientRequestToken": token});
    assert_eq!(cloud.operator().secrets("CreateSecret", secret).await.status, 200);
    assert_eq!(there.secrets("DescribeSecret", json!({"SecretId": "veris/prod"})).await.status, 200);
    assert_eq!(cloud.operator().s3("PUT", "/artifacts", b"").await.status, 200);
    assert_eq!(there.s3("HEAD", "/artifacts", b"").await.status, 200);
    for (action, element) in
        [("DescribeAddresses", "allocationId"), ("DescribeVolumes", "volumeId"), ("DescribeSecurityGroups", "groupId")]
    {
        let (seen, at_home) = (there.ec2(action, "").await, cloud.operator().ec2(action, "").await);
        assert!(seen.element(element).is_some(), "{action}: {}", seen.text());
        assert_eq!(seen.element(element), at_home.element(element), "{action}");
    }
}

#[tokio::test]
async fn regions_are_those_in_use_and_any_that_are_asked_for() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let names = |text: String| {
        let names = text.split("<regionName>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(client.ec2("DescribeRegions", "").await.text()), [HOME_REGION]);
    assert_eq!(abroad(&cloud).ec2("DescribeImages", "").await.status, 200);
    assert_eq!(names(client.ec2("DescribeRegions", "").await.text()), [HOME_REGION, "eu-central-1"]);
    let asked = "RegionName.1=us-east-1&RegionName.2=ap-southeast-2";
    assert_eq!(names(client.ec2("DescribeRegions", asked).await.text()), [HOME_REGION, "us-east-1"]);
    let unknown = client.ec2("DescribeRegions", "RegionName.1=sydney").await;
    assert_eq!(unknown.code(), "InvalidParameterValue", "{}", unknown.text());
}
