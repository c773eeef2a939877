//! Images and their snapshots.

use std::sync::Arc;

use local_cloud::compute::NewImage;
use local_cloud::state::{HOME_REGION, InstanceState};

use crate::ebs::{can_make_disks, run};
use crate::support::{Sandbox, baked, launched, unserved};

#[tokio::test]
async fn a_baked_image_is_described_as_aws_would() {
    let cloud = Sandbox::with_state(baked).await;
    insta::assert_snapshot!(cloud.operator().ec2("DescribeImages", "Owner.1=self").await.shown());
    insta::assert_snapshot!(cloud.operator().ec2("DescribeSnapshots", "OwnerId.1=self&Owner.1=self").await.code(), @"UnknownParameter");
    insta::assert_snapshot!(cloud.operator().ec2("DescribeSnapshots", "Owner.1=self").await.shown());
}

#[tokio::test]
async fn images_are_found_by_owner_name_tag_and_state() {
    let cloud = Sandbox::with_state(baked).await;
    let found = |parameters: &'static str| {
        let client = cloud.operator();
        async move {
            let answer = client.ec2("DescribeImages", parameters).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.text().matches("<imageId>").count()
        }
    };
    assert_eq!(found("").await, 2);
    assert_eq!(found("Owner.1=amazon").await, 1);
    assert_eq!(found("Owner.1=000000000000").await, 1);
    assert_eq!(found("Filter.1.Name=name&Filter.1.Value.1=veris-chat/*").await, 1);
    assert_eq!(found("Filter.1.Name=name&Filter.1.Value.1=other&Filter.1.Value.2=veris-chat/1.?.0").await, 1);
    assert_eq!(found("Filter.1.Name=tag:veris:version&Filter.1.Value.1=1.2.0").await, 1);
    assert_eq!(found("Filter.1.Name=tag:veris:version&Filter.1.Value.1=9").await, 0);
    assert_eq!(found("Filter.1.Name=tag-key&Filter.1.Value.1=veris:service").await, 1);
    assert_eq!(
        found("Filter.1.Name=tag-key&Filter.1.Value.1=veris:*&Filter.2.Name=state&Filter.2.Value.1=pending").await,
        0
    );
    assert_eq!(found("ImageId.1=ami-0a0a0a0a0a0a0a0a0&Owner.1=amazon").await, 0);
}

#[tokio::test]
async fn what_does_not_exist_is_said_in_awss_words() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    insta::assert_snapshot!(client.ec2("DescribeImages", "ImageId.1=ami-0123456789abcdef0").await.shown(), @r#"
    400
    <?xml version="1.0" encoding="UTF-8"?>
    <Response>
    <Errors>
    <Error>
    <Code>InvalidAMIID.NotFound</Code>
    <Message>The image id '[ami-0123456789abcdef0]' does not exist</Message>
    </Error>
    </Errors>
    <RequestID>…</RequestID>
    </Response>
    "#);
    insta::assert_snapshot!(client.ec2("DescribeImages", "Filter.1.Name=colour&Filter.1.Value.1=red").await.shown(), @r#"
    400
    <?xml version="1.0" encoding="UTF-8"?>
    <Response>
    <Errors>
    <Error>
    <Code>InvalidParameterValue</Code>
    <Message>The filter 'colour' is invalid</Message>
    </Error>
    </Errors>
    <RequestID>…</RequestID>
    </Response>
    "#);
    insta::assert_snapshot!(client.ec2("PurchaseEverything", "").await.shown(), @r#"
    400
    <?xml version="1.0" encoding="UTF-8"?>
    <Response>
    <Errors>
    <Error>
    <Code>InvalidAction</Code>
    <Message>The action PurchaseEverything is not valid for this web service.</Message>
    </Error>
    </Errors>
    <RequestID>…</RequestID>
    </Response>
    "#);
    assert_eq!(client.ec2("DescribeImages", "ImageId.1=nonsense").await.code(), "InvalidAMIID.Malformed");
    assert_eq!(client.form("ec2", "Version=2016-11-15").await.code(), "MissingAction");
    assert_eq!(client.ec2("DeleteSnapshot", "SnapshotId.1=x").await.code(), "MissingParameter");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    let dry = client.ec2("DeregisterImage", "ImageId=ami-0a0a0a0a0a0a0a0a0&DryRun=true").await;
    assert_eq!((dry.status, dry.code().as_str()), (412, "DryRunOperation"));
    assert_eq!(client.ec2("DescribeImages", "ImageId.1=ami-0a0a0a0a0a0a0a0a0").await.status, 200);
}

#[tokio::test]
async fn the_parent_image_cannot_be_deregistered() {
    let cloud = Sandbox::start().await;
    let answer = cloud.operator().ec2("DeregisterImage", "ImageId=ami-00112233445566778").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "AuthFailure"));
}

#[tokio::test]
async fn a_snapshot_is_kept_while_an_image_needs_it() {
    let cloud = Sandbox::with_state(baked).await;
    let answer = cloud.operator().ec2("DeleteSnapshot", "SnapshotId=snap-0b0b0b0b0b0b0b0b0").await;
    assert_eq!(answer.code(), "InvalidSnapshot.InUse");
    insta::assert_snapshot!(answer.element("Message").unwrap(), @"The snapshot snap-0b0b0b0b0b0b0b0b0 is currently in use by ami-0a0a0a0a0a0a0a0a0");
}

#[tokio::test]
async fn an_orphaned_snapshot_is_deleted_with_its_disk() {
    let cloud = Sandbox::with_state(|state| {
        baked(state);
        state.images.clear();
    })
    .await;
    let disk = cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0");
    fs_err::create_dir_all(disk.parent().unwrap()).unwrap();
    fs_err::write(&disk, "disk").unwrap();
    let client = cloud.operator();
    assert_eq!(client.ec2("DeleteSnapshot", "SnapshotId=snap-0b0b0b0b0b0b0b0b0").await.status, 200);
    assert!(!disk.exists());
    let again = client.ec2("DeleteSnapshot", "SnapshotId=snap-0b0b0b0b0b0b0b0b0").await;
    assert_eq!(again.code(), "InvalidSnapshot.NotFound");
}

#[tokio::test]
async fn whoever_uses_an_image_is_listed() {
    let cloud = Sandbox::with_state(launched).await;
    let client = cloud.operator();
    let all = "ImageId.1=ami-0a0a0a0a0a0a0a0a0&IncludeAllResourceTypes=true";
    let live = serde_json::json!({
        "Name": "/veris/live", "Value": "ami-0a0a0a0a0a0a0a0a0", "Type": "String", "DataType": "aws:ec2:image",
    });
    assert_eq!(client.ssm("PutParameter", live).await.status, 200);
    insta::assert_snapshot!(client.ec2("DescribeImageReferences", all).await.shown());
    assert_eq!(
        client.ec2("DescribeImageReferences", "ImageId.1=ami-0a0a0a0a0a0a0a0a0").await.code(),
        "MissingParameter"
    );
    let unknown = "ImageId.1=ami-0123456789abcdef0&IncludeAllResourceTypes=true";
    assert_eq!(client.ec2("DescribeImageReferences", unknown).await.code(), "InvalidAMIID.NotFound");
}

#[tokio::test]
async fn a_terminated_instance_uses_no_image_any_more() {
    let cloud = Sandbox::with_state(|state| {
        launched(state);
        let instance = state.instances.values_mut().next().unwrap();
        instance.state = InstanceState::Terminated;
        instance.terminated = Some(jiff::Timestamp::now());
    })
    .await;
    let all = "ImageId.1=ami-0a0a0a0a0a0a0a0a0&IncludeAllResourceTypes=true";
    let used = cloud.operator().ec2("DescribeImageReferences", all).await;
    assert_eq!((used.status, used.element("resourceType")), (200, None), "{}", used.text());
}

#[tokio::test]
async fn nothing_is_deprecated_or_disabled() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    let all = client.ec2("DescribeImages", "").await.text();
    assert_eq!(all.matches("<imageOwnerId>000000000001<").count(), 1, "the parent is Amazon's: {all}");
    let asked = "IncludeDeprecated=true&IncludeDisabled=true";
    let found = client.ec2("DescribeImages", asked).await;
    assert_eq!(found.text().matches("<imageId>").count(), all.matches("<imageId>").count(), "{}", found.text());
}

#[tokio::test]
async fn a_disk_stays_while_an_instance_lies_over_it() {
    let cloud = Sandbox::with_state(launched).await;
    let client = cloud.operator();
    let (base, top) = (cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0"), cloud.layout.instance("i-0c0c0c0c0c0c0c0c0"));
    for directory in [base.parent().unwrap(), &top] {
        fs_err::create_dir_all(directory).unwrap();
    }
    fs_err::write(&base, disk_over("")).unwrap();
    fs_err::write(top.join("disk.qcow2"), disk_over(base.canonicalize().unwrap().to_str().unwrap())).unwrap();

    let both = "ImageId=ami-0a0a0a0a0a0a0a0a0&DeleteAssociatedSnapshots=true";
    assert_eq!(client.ec2("DeregisterImage", both).await.status, 200);
    assert_eq!(client.ec2("DescribeSnapshots", "").await.element("snapshotId"), None);
    assert!(base.exists(), "an instance needs it");
    assert_eq!(client.ec2("TerminateInstances", "InstanceId.1=i-0c0c0c0c0c0c0c0c0").await.status, 200);
    assert!(!base.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_image_keeps_its_disk_while_others_are_removed() {
    if !can_make_disks() {
        return;
    }
    let ids: Vec<String> = (0..8).map(|number| format!("i-{number:017}")).collect();
    let (cloud, _directory) = unserved(|state| {
        launched(state);
        let instance = state.instances.values().next().unwrap().clone();
        for id in &ids {
            let mut instance = instance.clone();
            instance.instance_id.clone_from(id);
            instance.kms_key = Some("arn:aws:kms:ap-southeast-2:000000000000:key/mine".into());
            state.instances.insert(id.clone(), instance);
        }
    });
    for id in &ids {
        fs_err::create_dir_all(cloud.layout.instance(id)).unwrap();
        let disk = cloud.layout.instance(id).join("disk.qcow2");
        run("qemu-img", &["create", "-q", "-f", "qcow2", disk.to_str().unwrap(), "30G"]);
    }
    let compute = Arc::clone(&cloud.compute);
    let removing = tokio::spawn(async move {
        loop {
            compute.collect_disks().await;
            tokio::task::yield_now().await;
        }
    });
    let new = |id: &String| NewImage { region: HOME_REGION.into(), name: id.clone(), ..NewImage::default() };
    let made = ids.iter().map(|id| cloud.compute.create_image(id, new(id)));
    let made = futures_util::future::try_join_all(made).await.unwrap();
    removing.abort();
    for image in made {
        let snapshot = cloud.store.read(|state| state.snapshots[&image.snapshot_id].clone());
        assert!(image.kms_key.is_some() && image.kms_key == snapshot.kms_key, "as its volume is");
        let source = image.source.as_ref().map(|source| (source.image_id.as_str(), source.region.as_str()));
        assert_eq!(source, Some(("ami-0a0a0a0a0a0a0a0a0", HOME_REGION)), "as AWS names it");
        assert!(cloud.layout.image_disk(&image.image_id).exists(), "{} has lost its disk", image.name);
    }
}

/// The header of a qcow2 disk that lies over this one, if over any.
fn disk_over(base: &str) -> Vec<u8> {
    let mut header = b"QFI\xfb\0\0\0\x03".to_vec();
    let (offset, length) = if base.is_empty() { (0_u64, 0) } else { (104, base.len()) };
    header.extend(offset.to_be_bytes());
    header.extend(u32::try_from(length).unwrap().to_be_bytes());
    header.resize(104, 0);
    header.extend(base.as_bytes());
    header
}
