//! Instances as they are described. Nothing boots here.

use crate::support::{Sandbox, addressed, launched};

const ID: &str = "i-0c0c0c0c0c0c0c0c0";

#[tokio::test]
async fn an_instance_is_described_as_aws_would() {
    let cloud = Sandbox::with_state(addressed).await;
    let client = cloud.operator();
    insta::assert_snapshot!(client.ec2("DescribeInstances", "").await.shown());
    insta::assert_snapshot!(client.ec2("DescribeVolumes", "").await.shown());
    let statuses = client.ec2("DescribeInstanceStatus", "IncludeAllInstances=true").await;
    insta::assert_snapshot!(statuses.shown());
}

#[tokio::test]
async fn instances_are_found_by_their_filters() {
    let cloud = Sandbox::with_state(launched).await;
    for (parameters, count) in [
        ("", 1),
        ("Filter.1.Name=instance-state-name&Filter.1.Value.1=running&Filter.1.Value.2=stopped", 1),
        ("Filter.1.Name=instance-state-name&Filter.1.Value.1=running", 0),
        ("Filter.1.Name=client-token&Filter.1.Value.1=token-1", 1),
        ("Filter.1.Name=tag:veris:version&Filter.1.Value.1=1.2.0", 1),
        ("Filter.1.Name=image-id&Filter.1.Value.1=ami-0", 0),
        ("MaxResults=5", 1),
    ] {
        let answer = cloud.operator().ec2("DescribeInstances", parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.text().matches("<instanceId>").count(), count, "{parameters}");
    }
    let only_running = cloud.operator().ec2("DescribeInstanceStatus", "").await;
    assert!(!only_running.text().contains("<instanceId>"));
}

#[tokio::test]
async fn user_data_is_answered_as_it_was_given() {
    let cloud = Sandbox::with_state(launched).await;
    let ask = format!("InstanceId={ID}&Attribute=userData");
    let none = cloud.operator().ec2("DescribeInstanceAttribute", &ask).await;
    assert!(!none.text().contains("<value>"), "{}", none.text());
    fs_err::create_dir_all(cloud.layout.instance(ID)).unwrap();
    fs_err::write(cloud.layout.instance(ID).join("user-data"), "#cloud-config").unwrap();
    insta::assert_snapshot!(cloud.operator().ec2("DescribeInstanceAttribute", &ask).await.shown(), @r#"
    200
    <?xml version="1.0" encoding="UTF-8"?>
    <DescribeInstanceAttributeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>…</requestId>
    <instanceId>i-0c0c0c0c0c0c0c0c0</instanceId>
    <userData>
    <value>I2Nsb3VkLWNvbmZpZw==</value>
    </userData>
    </DescribeInstanceAttributeResponse>
    "#);
}

#[tokio::test]
async fn what_cannot_be_done_to_an_instance_is_refused() {
    let cloud = Sandbox::with_state(launched).await;
    let client = cloud.operator();
    for (action, parameters, code) in [
        ("StartInstances", "InstanceId.1=i-0123", "InvalidInstanceID.NotFound"),
        ("StopInstances", "InstanceId.1=web", "InvalidInstanceID.Malformed"),
        ("TerminateInstances", "", "MissingParameter"),
        ("TerminateInstances", "InstanceId.1=i-0c0c0c0c0c0c0c0c0&InstanceId.2=i-0123", "InvalidInstanceID.NotFound"),
        ("StopInstances", "InstanceId.1=i-0c0c0c0c0c0c0c0c0&Hibernate=true", "UnsupportedHibernationConfiguration"),
        ("RebootInstances", "InstanceId.1=i-0c0c0c0c0c0c0c0c0", "UnsupportedOperation"),
        ("GetConsoleOutput", "InstanceId=i-0123", "InvalidInstanceID.NotFound"),
        ("DescribeInstanceAttribute", "InstanceId=i-0c0c0c0c0c0c0c0c0&Attribute=ramdisk", "InvalidParameterValue"),
    ] {
        assert_eq!(client.ec2(action, parameters).await.code(), code, "{action} {parameters}");
    }
    let still = client.ec2("DescribeInstances", "").await;
    assert_eq!(still.text().matches("<name>stopped</name>").count(), 1);
}

#[tokio::test]
async fn stopping_what_is_stopped_changes_nothing() {
    let cloud = Sandbox::with_state(launched).await;
    let answer = cloud.operator().ec2("StopInstances", &format!("InstanceId.1={ID}")).await;
    insta::assert_snapshot!(answer.shown(), @r#"
    200
    <?xml version="1.0" encoding="UTF-8"?>
    <StopInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>…</requestId>
    <instancesSet>
    <item>
    <instanceId>i-0c0c0c0c0c0c0c0c0</instanceId>
    <currentState>
    <code>80</code>
    <name>stopped</name>
    </currentState>
    <previousState>
    <code>80</code>
    <name>stopped</name>
    </previousState>
    </item>
    </instancesSet>
    </StopInstancesResponse>
    "#);
}

#[tokio::test]
async fn the_surroundings_exist() {
    let cloud = Sandbox::start().await;
    for action in [
        "DescribeRegions",
        "DescribeAvailabilityZones",
        "DescribeSecurityGroups",
        "DescribeVpcs",
        "DescribeSubnets",
        "DescribeKeyPairs",
    ] {
        insta::assert_snapshot!(action, cloud.operator().ec2(action, "").await.shown());
    }
}
