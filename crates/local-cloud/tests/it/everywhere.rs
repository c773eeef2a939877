//! What holds whichever service is asked.

use serde_json::{Value, json};

use crate::support::{Sandbox, addressed, baked};

#[tokio::test]
async fn the_signature_names_the_service() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let ask = "Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(client.form("sts", ask).await.status, 200);
    assert_eq!(client.form("ec2", ask).await.code(), "InvalidAction");
}

#[tokio::test]
async fn what_is_not_known_is_refused_and_sts_alone_passes_it_over() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    assert_eq!(client.ec2("DescribeImages", "Colour=red").await.code(), "UnknownParameter");
    // AWS knows this one.
    let shared = client.ssm("DescribeParameters", json!({"Shared": true})).await;
    assert_eq!(shared.code(), "ValidationException");
    let identity = client.form("sts", "Action=GetCallerIdentity&Version=2011-06-15&Colour=red").await;
    assert_eq!(identity.status, 200, "{}", identity.text());
}

#[tokio::test]
async fn nobody_is_throttled_and_no_number_of_things_is_too_many() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    for _ in 0..200 {
        assert_eq!(client.ec2("DescribeRegions", "").await.status, 200);
    }
    // AWS lets an account have five.
    for _ in 0..6 {
        assert_eq!(client.ec2("AllocateAddress", "Domain=vpc").await.status, 200);
    }
    assert_eq!(client.ec2("DescribeAddresses", "").await.text().matches("<allocationId>").count(), 6);
}

#[tokio::test]
async fn a_list_comes_whole_or_in_the_pages_that_were_asked_for() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    // The other image is the parent.
    let first = client.ec2("DescribeImages", "MaxResults=1").await;
    let token = first.element("nextToken").unwrap();
    let second = client.ec2("DescribeImages", &format!("MaxResults=1&NextToken={token}")).await;
    assert_eq!(second.element("nextToken"), None, "{}", second.text());
    assert_ne!(first.element("imageId"), second.element("imageId"));

    for number in 0..12 {
        let put = json!({"Name": format!("/n/{number}"), "Value": "v", "Type": "String"});
        assert_eq!(client.ssm("PutParameter", put).await.status, 200);
    }
    // AWS would give ten.
    let whole = client.ssm("GetParametersByPath", json!({"Path": "/n"})).await;
    let whole: Value = serde_json::from_slice(&whole.body).unwrap();
    assert_eq!((whole["Parameters"].as_array().unwrap().len(), whole.get("NextToken")), (12, None));
    let mut lengths = Vec::new();
    let mut asked = json!({"Path": "/n", "MaxResults": 5});
    loop {
        let page = client.ssm("GetParametersByPath", asked.clone()).await;
        let page: Value = serde_json::from_slice(&page.body).unwrap();
        lengths.push(page["Parameters"].as_array().unwrap().len());
        match page.get("NextToken") {
            Some(token) => asked["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(lengths, [5, 5, 2]);
}

#[tokio::test]
async fn a_dry_run_of_any_action_ends_before_it_acts() {
    let cloud = Sandbox::with_state(|state| {
        addressed(state);
        let mut orphan = state.snapshots["snap-0b0b0b0b0b0b0b0b0"].clone();
        orphan.snapshot_id = "snap-01010101010101010".into();
        state.snapshots.insert(orphan.snapshot_id.clone(), orphan);
    })
    .await;
    let before = fs_err::read_to_string(cloud.layout.state()).unwrap();
    let instance = "InstanceId.1=i-0c0c0c0c0c0c0c0c0";
    let tag = "ResourceId.1=i-0c0c0c0c0c0c0c0c0&Tag.1.Key=veris:version&Tag.1.Value=1.2.0";
    let launch = "ImageId=ami-0a0a0a0a0a0a0a0a0&InstanceType=t3.medium&MinCount=1&MaxCount=1";
    for (action, parameters) in [
        ("AllocateAddress", "Domain=vpc"),
        ("AssociateAddress", "AllocationId=eipalloc-0f0f0f0f0f0f0f0f0&InstanceId=i-0c0c0c0c0c0c0c0c0"),
        ("CopyImage", "Name=copy&SourceImageId=ami-0a0a0a0a0a0a0a0a0&SourceRegion=ap-southeast-2"),
        ("CreateTags", tag),
        ("DeleteSnapshot", "SnapshotId=snap-01010101010101010"),
        ("DeleteTags", tag),
        ("DeregisterImage", "ImageId=ami-0a0a0a0a0a0a0a0a0"),
        ("DescribeAddresses", ""),
        ("DescribeAvailabilityZones", ""),
        ("DescribeImageReferences", "ImageId.1=ami-0a0a0a0a0a0a0a0a0&IncludeAllResourceTypes=true"),
        ("DescribeImages", ""),
        ("DescribeInstanceAttribute", "InstanceId=i-0c0c0c0c0c0c0c0c0&Attribute=userData"),
        ("DescribeInstanceStatus", ""),
        ("DescribeInstances", ""),
        ("DescribeKeyPairs", ""),
        ("DescribeRegions", ""),
        ("DescribeSecurityGroups", ""),
        ("DescribeSnapshots", ""),
        ("DescribeSubnets", ""),
        ("DescribeTags", ""),
        ("DescribeVolumes", ""),
        ("DescribeVpcs", ""),
        ("DisassociateAddress", "AssociationId=eipassoc-0e0e0e0e0e0e0e0e0"),
        ("GetConsoleOutput", "InstanceId=i-0c0c0c0c0c0c0c0c0"),
        ("ReleaseAddress", "AllocationId=eipalloc-0f0f0f0f0f0f0f0f0"),
        ("RunInstances", launch),
        ("StartInstances", instance),
        ("StopInstances", instance),
        ("TerminateInstances", instance),
    ] {
        let dry = cloud.operator().ec2(action, &format!("{parameters}&DryRun=true")).await;
        assert_eq!((dry.status, dry.code().as_str()), (412, "DryRunOperation"), "{action}: {}", dry.text());
    }
    assert_eq!(fs_err::read_to_string(cloud.layout.state()).unwrap(), before);
}
