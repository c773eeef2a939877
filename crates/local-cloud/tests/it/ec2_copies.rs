//! `CopyImage`: how an AMI gets into another region.

use std::os::unix::fs::MetadataExt;

use local_cloud::layout::Layout;
use local_cloud::state::{ACCOUNT, HOME_REGION, Image, ImageState, Snapshot, Source, State};

use crate::support::{Client, Sandbox, baked};

const SOURCE: &str = "SourceImageId=ami-0a0a0a0a0a0a0a0a0&SourceRegion=ap-southeast-2";

/// A cloud with one image that has a disk.
pub(crate) async fn with_disk(make: impl FnOnce(&mut State)) -> Sandbox {
    let cloud = Sandbox::with_state(|state| {
        baked(state);
        make(state);
    })
    .await;
    write_disk(&cloud.layout, "ami-0a0a0a0a0a0a0a0a0");
    cloud
}

/// The header of a qcow2 disk that lies over none.
fn write_disk(layout: &Layout, image_id: &str) {
    let disk = layout.image_disk(image_id);
    fs_err::create_dir_all(disk.parent().unwrap()).unwrap();
    let mut header = b"QFI\xfb\0\0\0\x03".to_vec();
    header.resize(104, 0);
    fs_err::write(disk, header).unwrap();
}

/// The operator in another region.
pub(crate) fn abroad(cloud: &Sandbox) -> Client {
    Client { region: "eu-central-1", ..cloud.operator() }
}

/// Copies an image into the client's region and waits for the end of that. Answers the copy's id and how it ended.
pub(crate) async fn copy(client: &Client, parameters: &str) -> (String, String) {
    let made = client.ec2("CopyImage", parameters).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let id = made.element("imageId").unwrap();
    loop {
        let shown = client.ec2("DescribeImages", &format!("ImageId.1={id}")).await;
        match shown.element("imageState").unwrap().as_str() {
            "pending" => tokio::task::yield_now().await,
            state => return (id, state.to_owned()),
        }
    }
}

async fn images_of(client: &Client) -> usize {
    let answer = client.ec2("DescribeImages", "Owner.1=self").await;
    answer.text().matches("<imageId>").count()
}

#[tokio::test]
async fn a_copy_is_an_image_of_its_own_in_another_region() {
    let cloud = with_disk(|_| {}).await;
    let (here, there) = (cloud.operator(), abroad(&cloud));
    assert_eq!((images_of(&here).await, images_of(&there).await), (1, 0));
    let tags = "TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=veris:version\
        &TagSpecification.1.Tag.1.Value=copied&TagSpecification.2.ResourceType=snapshot\
        &TagSpecification.2.Tag.1.Key=Name&TagSpecification.2.Tag.1.Value=disk";
    let asked = format!("{SOURCE}&Name=veris-chat/1.2.0&Description=a%20copy&CopyImageTags=true&{tags}");
    let (id, state) = copy(&there, &asked).await;
    assert_eq!(state, "available");
    assert_eq!((images_of(&here).await, images_of(&there).await), (1, 1));

    let shown = there.ec2("DescribeImages", &format!("ImageId.1={id}")).await;
    for (element, value) in [
        ("sourceImageId", "ami-0a0a0a0a0a0a0a0a0"),
        ("sourceImageRegion", HOME_REGION),
        ("name", "veris-chat/1.2.0"),
        ("description", "a copy"),
        ("imageOwnerId", ACCOUNT),
        ("imdsSupport", "v2.0"),
        ("volumeSize", "30"),
        ("encrypted", "false"),
    ] {
        assert_eq!(shown.element(element).as_deref(), Some(value), "{element}: {}", shown.text());
    }
    let tagged = |key: &str, value: &str| format!("<key>{key}</key><value>{value}</value>");
    assert!(shown.text().contains(&tagged("veris:service", "veris-chat")), "copied: {}", shown.text());
    assert!(shown.text().contains(&tagged("veris:version", "copied")), "replaced: {}", shown.text());
    let snapshot = there.ec2("DescribeSnapshots", "Owner.1=self").await;
    assert_eq!(snapshot.element("snapshotId"), shown.element("snapshotId"));
    assert_ne!(snapshot.element("snapshotId").as_deref(), Some("snap-0b0b0b0b0b0b0b0b0"));
    assert_eq!(snapshot.element("status").as_deref(), Some("completed"), "{}", snapshot.text());
    let told = snapshot.element("description").unwrap();
    let expected =
        format!("Copied for DestinationAmi {id} from SourceAmi ami-0a0a0a0a0a0a0a0a0 for SourceSnapshot snap-");
    assert!(told.starts_with(&expected), "{told}");
    assert!(snapshot.text().contains(&tagged("Name", "disk")) && !snapshot.text().contains("veris:service"));

    // A copy can be launched where it is and outlives its source.
    let launch = |id: &str| format!("ImageId={id}&InstanceType=t3.medium&MinCount=1&MaxCount=1&DryRun=true");
    assert_eq!(there.ec2("RunInstances", &launch(&id)).await.code(), "DryRunOperation");
    assert_eq!(here.ec2("RunInstances", &launch(&id)).await.code(), "InvalidAMIID.NotFound");
    let both = "ImageId=ami-0a0a0a0a0a0a0a0a0&DeleteAssociatedSnapshots=true";
    assert_eq!(here.ec2("DeregisterImage", both).await.status, 200);
    assert!(!cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0").exists());
    assert!(cloud.layout.image_disk(&id).exists());
    let both = format!("ImageId={id}&DeleteAssociatedSnapshots=true");
    assert_eq!(there.ec2("DeregisterImage", &both).await.status, 200);
    assert!(!cloud.layout.image_disk(&id).exists());
}

#[tokio::test]
async fn a_copy_costs_no_space() {
    let cloud = with_disk(|_| {}).await;
    let (id, _) = copy(&abroad(&cloud), &format!("{SOURCE}&Name=copy")).await;
    let inode = |id: &str| fs_err::metadata(cloud.layout.image_disk(id)).unwrap().ino();
    assert_eq!(inode(&id), inode("ami-0a0a0a0a0a0a0a0a0"));
}

#[tokio::test]
async fn tags_are_copied_where_it_is_asked_for() {
    let cloud = with_disk(|_| {}).await;
    let there = abroad(&cloud);
    let (id, _) = copy(&there, &format!("{SOURCE}&Name=copy")).await;
    let shown = there.ec2("DescribeImages", &format!("ImageId.1={id}")).await;
    assert!(!shown.text().contains("veris:service"), "{}", shown.text());
}

#[tokio::test]
async fn a_copy_that_aws_would_refuse_is_refused() {
    let cloud = with_disk(|state| {
        let failed =
            Image { image_id: "ami-0f".into(), owner: ACCOUNT.into(), state: ImageState::Failed, ..Image::default() };
        state.images.insert("ami-0f".into(), failed);
    })
    .await;
    let client = abroad(&cloud);
    let good = format!("{SOURCE}&Name=copy");
    copy(&client, &good).await;
    let long = format!("Name=other&Description={}", "x".repeat(256));
    for (from, to, code) in [
        ("ami-0a0a0a0a0a0a0a0a0", "ami-0123456789abcdef0", "InvalidAMIID.NotFound"),
        ("ami-0a0a0a0a0a0a0a0a0", "image", "InvalidAMIID.Malformed"),
        ("ami-0a0a0a0a0a0a0a0a0", "ami-0f", "InvalidAMIID.Unavailable"),
        ("ap-southeast-2", "eu-central-1", "InvalidAMIID.NotFound"),
        ("ap-southeast-2", "sydney", "InvalidParameterValue"),
        ("Name=copy", "Name=copy", "InvalidAMIName.Duplicate"),
        ("Name=copy", "Name=it", "InvalidAMIName.Malformed"),
        ("Name=copy", "Name=a%3Ab%3Ac", "InvalidAMIName.Malformed"),
        ("Name=copy", &long, "InvalidParameterValue"),
        ("&Name=copy", "", "MissingParameter"),
        ("&SourceRegion=ap-southeast-2", "", "MissingParameter"),
        ("Name=copy", "Name=other&KmsKeyId=alias/mine", "InvalidParameterDependency"),
        ("Name=copy", "Name=other&Encrypted=true&KmsKeyId=mine", "InvalidParameterValue"),
        ("Name=copy", "Name=other&DestinationOutpostArn=arn", "UnknownParameter"),
        ("Name=copy", "Name=other&SnapshotCopyCompletionDurationMinutes=15", "UnknownParameter"),
        ("Name=copy", "Name=other&TagSpecification.1.ResourceType=instance", "InvalidParameterValue"),
        ("Name=copy", "Name=other&DryRun=true", "DryRunOperation"),
    ] {
        let refused = client.ec2("CopyImage", &good.replace(from, to)).await;
        assert_eq!(refused.code(), code, "{from} -> {to}: {}", refused.text());
    }
    assert_eq!(images_of(&client).await, 1);
    // A name is taken in one region only.
    assert_eq!(copy(&Client { region: "us-east-1", ..cloud.operator() }, &good).await.1, "available");
}

#[tokio::test]
async fn a_copy_that_is_asked_for_again_is_the_same_one() {
    let cloud = with_disk(|_| {}).await;
    let client = abroad(&cloud);
    let asked = format!("{SOURCE}&Name=copy&ClientToken=token");
    let (first, _) = copy(&client, &asked).await;
    assert_eq!(copy(&client, &asked).await.0, first);
    let dry = client.ec2("CopyImage", &format!("{asked}&DryRun=true")).await;
    assert_eq!(dry.code(), "DryRunOperation", "{}", dry.text());
    let other = client.ec2("CopyImage", &asked.replace("Name=copy", "Name=other")).await;
    assert_eq!(other.code(), "IdempotentParameterMismatch", "{}", other.text());
    let elsewhere = Client { region: "us-east-1", ..cloud.operator() };
    assert_ne!(copy(&elsewhere, &asked).await.0, first);
}

/// A copy as `CopyImage` writes it down.
fn pending(state: &mut State) {
    let source = Source {
        image_id: "ami-0a0a0a0a0a0a0a0a0".into(),
        region: HOME_REGION.into(),
        client_token: None,
        request_digest: "0011".into(),
    };
    let original = state.images["ami-0a0a0a0a0a0a0a0a0"].clone();
    let (id, snapshot_id) = ("ami-0c0c0c0c0c0c0c0c0", "snap-0c0c0c0c0c0c0c0c0");
    let copy = Image {
        image_id: id.into(),
        snapshot_id: snapshot_id.into(),
        state: ImageState::Pending,
        source: Some(source),
        ..original
    };
    let snapshot = Snapshot { snapshot_id: snapshot_id.into(), image_id: id.into(), ..Snapshot::default() };
    state.snapshots_mut("eu-central-1").insert(snapshot_id.into(), snapshot);
    state.images_mut("eu-central-1").insert(id.into(), copy);
}

#[tokio::test]
async fn a_copy_that_was_cut_off_is_finished_by_the_next_start() {
    let directory = with_disk(|_| {}).await.stop().await;
    let store = local_cloud::store::Store::open(directory.layout.state()).unwrap();
    // The source is gone but for its disk, which the copy still needs.
    let written = store.change(|state| {
        pending(state);
        state.images.remove("ami-0a0a0a0a0a0a0a0a0");
        state.snapshots.clear();
        Ok(())
    });
    written.unwrap();
    let cloud = directory.start().await;
    let there = abroad(&cloud);
    while there.ec2("DescribeImages", "Owner.1=self").await.element("imageState").unwrap() == "pending" {
        tokio::task::yield_now().await;
    }
    let shown = there.ec2("DescribeImages", "Owner.1=self").await;
    assert_eq!(shown.element("imageState").as_deref(), Some("available"), "{}", shown.text());
    assert!(cloud.layout.image_disk("ami-0c0c0c0c0c0c0c0c0").exists());
    while cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0").exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_pending_copy_that_is_deregistered_leaves_nothing() {
    let (cloud, _directory) = crate::support::unserved(|state| {
        baked(state);
        pending(state);
    });
    let states = |state: &State| state.images("eu-central-1").values().map(|image| image.state).collect::<Vec<_>>();
    assert_eq!(cloud.store.read(states), [ImageState::Pending]);
    cloud.compute.deregister_image("eu-central-1", "ami-0c0c0c0c0c0c0c0c0", false).await.unwrap();
    assert_eq!(cloud.store.read(states), []);
    assert!(cloud.store.read(|state| state.snapshots("eu-central-1").is_empty()), "it has no disk");
}

#[tokio::test]
async fn a_copy_without_its_disk_or_its_key_has_failed_and_says_why() {
    // The image has no disk.
    let cloud = Sandbox::with_state(baked).await;
    let there = abroad(&cloud);
    let (id, state) = copy(&there, &format!("{SOURCE}&Name=copy")).await;
    let shown = there.ec2("DescribeImages", &format!("ImageId.1={id}")).await;
    assert_eq!(state, "failed", "{}", shown.text());
    assert_eq!(shown.element("code").as_deref(), Some("Client.InternalError"), "{}", shown.text());
    let launch = format!("ImageId={id}&InstanceType=t3.medium&MinCount=1&MaxCount=1");
    assert_eq!(there.ec2("RunInstances", &launch).await.code(), "InvalidAMIID.Unavailable");

    write_disk(&cloud.layout, "ami-0a0a0a0a0a0a0a0a0");
    let key = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let (id, state) = copy(&there, &format!("{SOURCE}&Name=locked&Encrypted=true&KmsKeyId={key}")).await;
    assert_eq!(state, "failed");
    let snapshot = there.ec2("DescribeSnapshots", "Filter.1.Name=status&Filter.1.Value.1=error").await;
    assert!(snapshot.text().contains(&id), "{}", snapshot.text());
    assert!(snapshot.text().contains("<statusMessage>Given key ID is not accessible<"), "{}", snapshot.text());
}
