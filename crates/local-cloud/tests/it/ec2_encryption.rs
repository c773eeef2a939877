//! Encryption as it is shown: of snapshots, of AMIs and of root volumes. No file of the local cloud is encrypted.

use local_cloud::state::{HOME_REGION, State};
use serde_json::Value;

use crate::ec2_copies::{abroad, copy, with_disk};
use crate::support::{Client, Sandbox, launched};

const SOURCE: &str = "SourceImageId=ami-0a0a0a0a0a0a0a0a0&SourceRegion=ap-southeast-2";
const KEY: &str = "arn:aws:kms:ap-southeast-2:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// The baked image and its snapshot, encrypted with a key of one's own.
fn encrypted(state: &mut State) {
    for image in state.images.values_mut() {
        image.kms_key = Some(KEY.into());
    }
    for snapshot in state.snapshots.values_mut() {
        snapshot.kms_key = Some(KEY.into());
    }
}

/// The key of an image's snapshot, of which the image itself says only that there is one.
async fn key_of(client: &Client, image: &str) -> Option<String> {
    let shown = client.ec2("DescribeImages", &format!("ImageId.1={image}")).await;
    let snapshot = shown.element("snapshotId").unwrap();
    let of_snapshot = client.ec2("DescribeSnapshots", &format!("SnapshotId.1={snapshot}")).await;
    assert_eq!(shown.element("encrypted"), of_snapshot.element("encrypted"));
    assert_eq!(shown.element("kmsKeyId"), None, "{}", shown.text());
    let key = of_snapshot.element("kmsKeyId");
    assert_eq!(shown.element("encrypted"), Some(key.is_some().to_string()), "{}", of_snapshot.text());
    key
}

#[tokio::test]
async fn a_copy_is_encrypted_where_it_is_asked_for() {
    let cloud = with_disk(|_| {}).await;
    let there = abroad(&cloud);
    let (plain, _) = copy(&there, &format!("{SOURCE}&Name=plain")).await;
    assert_eq!(key_of(&there, &plain).await, None);
    let (default, _) = copy(&there, &format!("{SOURCE}&Name=default&Encrypted=true")).await;
    let (named, _) = copy(&there, &format!("{SOURCE}&Name=named&Encrypted=true&KmsKeyId=alias/aws/ebs")).await;
    let key = key_of(&there, &default).await.unwrap();
    assert!(key.starts_with("arn:aws:kms:eu-central-1:000000000000:key/"), "{key}");
    assert_eq!(key_of(&there, &named).await, Some(key.clone()));
    let (mine, _) = copy(&there, &format!("{SOURCE}&Name=mine&Encrypted=true&KmsKeyId=alias/mine")).await;
    assert_ne!(key_of(&there, &mine).await, Some(key));
}

#[tokio::test]
async fn the_copy_of_what_is_encrypted_is_encrypted() {
    let cloud = with_disk(encrypted).await;
    let (here, there) = (cloud.operator(), abroad(&cloud));
    assert_eq!(key_of(&here, "ami-0a0a0a0a0a0a0a0a0").await.as_deref(), Some(KEY));
    for (name, parameter) in [("omitted", ""), ("denied", "&Encrypted=false"), ("asked", "&Encrypted=true")] {
        let (same, _) = copy(&here, &format!("{SOURCE}&Name={name}{parameter}")).await;
        assert_eq!(key_of(&here, &same).await.as_deref(), Some(KEY), "{name}");
        let (other, _) = copy(&there, &format!("{SOURCE}&Name={name}{parameter}")).await;
        let key = key_of(&there, &other).await.unwrap();
        assert!(key.starts_with("arn:aws:kms:eu-central-1:"), "a key is in one region: {key}");
        let share = format!("ImageId={other}&LaunchPermission.Add.1.UserId=111111111111");
        assert_eq!(there.ec2("ModifyImageAttribute", &share).await.code(), "InvalidParameter", "it is the default key");
    }
    let (mine, _) = copy(&here, &format!("{SOURCE}&Name=mine&Encrypted=true&KmsKeyId=alias/mine")).await;
    assert_ne!(key_of(&here, &mine).await.as_deref(), Some(KEY));
}

/// The key of the root volume of a new instance. There is no guest in it.
async fn launch(cloud: &Sandbox, ebs: &str) -> Option<String> {
    let volume = format!("BlockDeviceMapping.1.DeviceName=/dev/xvda&BlockDeviceMapping.1.Ebs.VolumeSize=30{ebs}");
    let asked = format!("ImageId=ami-0a0a0a0a0a0a0a0a0&InstanceType=t3.medium&MinCount=1&MaxCount=1&{volume}");
    let made = cloud.operator().ec2("RunInstances", &asked).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let state: Value = serde_json::from_slice(&fs_err::read(cloud.layout.state()).unwrap()).unwrap();
    let instance = &state["instances"][made.element("instanceId").unwrap()];
    instance["kms_key"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_volume_is_encrypted_as_its_image_or_as_it_is_asked_for() {
    let cloud = with_disk(|_| {}).await;
    let (yes, key) = ("&BlockDeviceMapping.1.Ebs.Encrypted=true", "&BlockDeviceMapping.1.Ebs.KmsKeyId=");
    assert_eq!(launch(&cloud, "").await, None);
    let default = launch(&cloud, yes).await.unwrap();
    assert_eq!(launch(&cloud, &format!("{yes}{key}alias/aws/ebs")).await, Some(default));
    assert_eq!(launch(&cloud, &format!("{yes}{key}{KEY}")).await.as_deref(), Some(KEY));
    let elsewhere = KEY.replace(HOME_REGION, "us-east-1");
    for (ebs, code) in [
        (format!("{key}{KEY}"), "InvalidParameterDependency"),
        (format!("{yes}{key}mine"), "InvalidParameterValue"),
        (format!("{yes}{key}{elsewhere}"), "InvalidParameterValue"),
    ] {
        let asked = format!(
            "ImageId=ami-0a0a0a0a0a0a0a0a0&InstanceType=t3.medium&MinCount=1&MaxCount=1\
             &BlockDeviceMapping.1.DeviceName=/dev/xvda{ebs}"
        );
        let refused = cloud.operator().ec2("RunInstances", &asked).await;
        assert_eq!(refused.code(), code, "{ebs}: {}", refused.text());
    }
    let cloud = with_disk(encrypted).await;
    for ebs in ["", yes, "&BlockDeviceMapping.1.Ebs.Encrypted=false"] {
        assert_eq!(launch(&cloud, ebs).await.as_deref(), Some(KEY), "{ebs}");
    }
}

#[tokio::test]
async fn a_volume_shows_its_key() {
    let cloud = Sandbox::with_state(|state| {
        launched(state);
        state.instances.values_mut().next().unwrap().kms_key = Some(KEY.into());
    })
    .await;
    let client = cloud.operator();
    let shown = client.ec2("DescribeVolumes", "Filter.1.Name=encrypted&Filter.1.Value.1=true").await;
    assert_eq!(shown.element("encrypted").as_deref(), Some("true"), "{}", shown.text());
    assert_eq!(shown.element("kmsKeyId").as_deref(), Some(KEY));
}
