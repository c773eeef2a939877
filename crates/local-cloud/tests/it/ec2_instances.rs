//! Instances as they are described. Nothing boots here.

use http_body_util::BodyExt;
use local_cloud::Cloud;
use local_cloud::service::{Caller, Request, ec2};
use local_cloud::state::{InstanceState, State};

use crate::support::{Sandbox, addressed, launched, unserved};

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

#[tokio::test]
async fn an_instance_tells_its_type_and_that_it_may_be_terminated() {
    let cloud = Sandbox::with_state(launched).await;
    for (attribute, value) in [("instanceType", "t3.medium"), ("disableApiTermination", "false")] {
        let ask = format!("InstanceId={ID}&Attribute={attribute}");
        let told = cloud.operator().ec2("DescribeInstanceAttribute", &ask).await;
        assert_eq!(told.element("value").as_deref(), Some(value), "{}", told.text());
    }
}

#[tokio::test]
async fn a_terminated_instance_is_shown_for_an_hour_and_its_volume_is_gone() {
    let cloud = Sandbox::with_state(|state| {
        launched(state);
        let mut older = state.instances[ID].clone();
        older.instance_id = "i-01010101010101010".into();
        older.state = InstanceState::Terminated;
        older.terminated = Some(jiff::Timestamp::now() - jiff::SignedDuration::from_mins(61));
        state.instances.insert(older.instance_id.clone(), older);
    })
    .await;
    let client = cloud.operator();
    let volume = "VolumeId.1=vol-0d0d0d0d0d0d0d0d0";
    assert_eq!(client.ec2("DescribeVolumes", volume).await.element("status").as_deref(), Some("in-use"));
    let ended = client.ec2("TerminateInstances", &format!("InstanceId.1={ID}")).await;
    assert_eq!(ended.element("name").as_deref(), Some("terminated"), "{}", ended.text());
    let shown = client.ec2("DescribeInstances", "").await;
    assert_eq!(shown.text().matches("<instanceId>").count(), 1, "{}", shown.text());
    assert_eq!(shown.element("name").as_deref(), Some("terminated"));
    assert_eq!(client.ec2("DescribeVolumes", volume).await.code(), "InvalidVolume.NotFound");
}

#[tokio::test]
async fn a_status_is_ok_as_soon_as_the_instance_runs_and_impaired_while_it_is_paused() {
    let (cloud, _directory) = unserved(|state| {
        launched(state);
        state.instances.get_mut(ID).unwrap().state = InstanceState::Running;
    });
    assert_eq!(system_status(&cloud).await, "ok");
    let pause = |state: &mut State| {
        let reason = ("Server.InsufficientDiskSpace".to_owned(), "the disk is full".to_owned());
        state.instances.get_mut(ID).unwrap().state_reason = Some(reason);
        Ok(())
    };
    cloud.store.change(pause).unwrap();
    assert_eq!(system_status(&cloud).await, "impaired");
}

async fn system_status(cloud: &Cloud) -> String {
    let request = Request {
        method: hyper::Method::POST,
        path: "/".to_owned(),
        query: Vec::new(),
        headers: hyper::HeaderMap::new(),
        body: "Action=DescribeInstanceStatus&Version=2016-11-15".into(),
        caller: Caller::Operator,
        region: "ap-southeast-2".to_owned(),
    };
    let body = ec2::handle(cloud, request).await.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (_, status) = text.split_once("<systemStatus><status>").unwrap_or_else(|| panic!("{text}"));
    status.split_once('<').unwrap().0.to_owned()
}
