//! What `moto.md` says of moto, shown. A newer moto that mends a line fails here, and the line goes.

use std::collections::BTreeSet;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, IamInstanceProfileSpecification, InstanceType, ResourceType, Tag,
    TagSpecification,
};
use aws_sdk_imagebuilder::types::Ownership;

use super::account::{Account, state};

const WRITTEN: &str = include_str!("../moto.md");

/// moto as it is, with one image.
struct Moto {
    account: Account,
    image: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moto_does_differently_is_written_down() {
    let Some(account) = Account::as_it_is() else { return };
    let moto = Moto { image: account.register("1.0.0", "sha256:0").await, account };
    let mut shown = BTreeSet::new();
    for (line, is_so) in moto.instances().await.into_iter().chain(moto.addresses().await).chain(moto.images().await) {
        assert!(is_so, "moto does it as AWS by now: {line}");
        shown.insert(line);
    }
    for (line, is_so) in moto.others().await {
        assert!(is_so, "moto does it as AWS by now: {line}");
        shown.insert(line);
    }
    let (_, lines) = WRITTEN.split_once("## Shown by the test").unwrap();
    let (lines, _) = lines.split_once("\n## ").unwrap();
    let written = lines.lines().filter_map(|line| line.strip_prefix("- **")?.split("**").next());
    assert_eq!(written.collect::<BTreeSet<_>>(), shown, "moto.md and the test have other lines");
}

impl Moto {
    async fn instances(&self) -> Vec<(&'static str, bool)> {
        let ec2 = &self.account.clients.ec2;
        let (one, other) = (self.run().await, self.run().await);
        let running = self.account.state_of(&one).await;
        let own = self.account.instance(&one).await.public_ip_address.unwrap();
        let console = |id: &str| ec2.get_console_output().instance_id(id).send();
        let consoles = (console(&one).await.unwrap().output, console(&other).await.unwrap().output);

        let nobody = IamInstanceProfileSpecification::builder().name("nobody").build();
        let profile = code(&self.request().iam_instance_profile(nobody).send().await);
        let group = code(&self.request().security_group_ids("sg-0").dry_run(true).send().await);

        ec2.terminate_instances().instance_ids(&other).send().await.unwrap();
        let ended = self.account.state_of(&other).await;
        ec2.start_instances().instance_ids(&other).send().await.unwrap();
        vec![
            ("A client token is ignored", one != other),
            ("No state on the way is ever shown", running == "running" && ended == "terminated"),
            ("Public addresses are other people's", own.starts_with("54.214.")),
            ("Every console is the same", consoles.0.is_some() && consoles.0 == consoles.1),
            ("An unknown instance profile has another error", profile == "NoSuchEntity"),
            ("A dry run looks at the profile alone", group == "DryRunOperation"),
            ("A terminated instance can be started", self.account.state_of(&other).await == "running"),
        ]
    }

    async fn addresses(&self) -> Vec<(&'static str, bool)> {
        let ec2 = &self.account.clients.ec2;
        let (one, other) = (self.run().await, self.run().await);
        let elastic = self.account.address().await;
        let associate = |id: &str| {
            let call = ec2.associate_address().allocation_id(elastic.allocation_id().unwrap());
            call.instance_id(id)
        };
        let own = async |id: &str| self.account.instance(id).await.public_ip_address;
        associate(&one).send().await.unwrap();
        let refused = code(&associate(&other).send().await);
        associate(&other).allow_reassociation(true).send().await.unwrap();
        let left = own(&one).await;
        ec2.stop_instances().instance_ids(&other).send().await.unwrap();
        ec2.start_instances().instance_ids(&other).send().await.unwrap();
        let restarted = own(&other).await;
        ec2.terminate_instances().instance_ids(&other).send().await.unwrap();
        let holder = self.account.holder().await;
        let dead = code(&associate(&other).allow_reassociation(true).send().await);
        vec![
            ("An address that has a holder is not moved by itself", refused == "Resource.AlreadyAssociated"),
            ("Whoever has lost the Elastic IP goes on showing it", left == elastic.public_ip),
            ("After a restart an instance shows another address than its Elastic IP", restarted != elastic.public_ip),
            ("A terminated instance keeps the Elastic IP", holder == other),
            ("A terminated instance can be given the Elastic IP", dead.is_empty()),
        ]
    }

    async fn images(&self) -> Vec<(&'static str, bool)> {
        let ec2 = &self.account.clients.ec2;
        let disk = EbsBlockDevice::builder().volume_size(30).build();
        let disk = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(disk).build();
        let tag = Tag::builder().key("veris:service").value("chat").build();
        let tags = TagSpecification::builder().resource_type(ResourceType::Image).tags(tag).build();
        let call = ec2.register_image().name("chat-2.0.0").root_device_name("/dev/xvda").block_device_mappings(disk);
        let id = call.tag_specifications(tags.clone()).send().await.unwrap().image_id.unwrap();
        let look = || ec2.describe_images().image_ids(&id).send();
        let image = look().await.unwrap().images.unwrap().remove(0);
        let disk = image.block_device_mappings()[0].clone();
        let ebs = disk.ebs.unwrap();

        let references = ec2.describe_image_references().image_ids(&id).include_all_resource_types(true).send().await;
        let copy = ec2.copy_image().name("copy").source_image_id(&id).source_region("ap-southeast-2");
        let copy = copy.tag_specifications(tags.clone()).send().await.unwrap().image_id.unwrap();
        let copy = ec2.describe_images().image_ids(copy).send().await.unwrap();
        ec2.deregister_image().image_id(&id).delete_associated_snapshots(true).send().await.unwrap();
        let snapshot = ec2.describe_snapshots().snapshot_ids(ebs.snapshot_id.unwrap()).send().await;
        vec![
            ("`RegisterImage` ignores tags", image.tags().is_empty()),
            ("`RegisterImage` ignores disks", disk.device_name.unwrap() == "/dev/sda1" && ebs.volume_size == Some(15)),
            ("`CopyImage` ignores tags", copy.images()[0].tags().is_empty()),
            ("`DescribeImageReferences` is not there", references.is_err()),
            ("Snapshots outlive their AMI", snapshot.is_ok()),
            ("An AMI that is gone is no error", look().await.is_ok_and(|answer| answer.images().is_empty())),
        ]
    }

    async fn others(&self) -> Vec<(&'static str, bool)> {
        let clients = &self.account.clients;
        let put = |name: &str, value: &str| clients.ssm.put_parameter().name(name).value(value).r#type("String".into());
        let image = put("/image", "ami-00000000000000000").data_type("aws:ec2:image").send().await;
        let nested = put("/nested", "{{ other }}").send().await;
        let long = put("/long", &"x".repeat(5000)).send().await;
        let builds = clients.image_builder.list_images().owner(Ownership::SelfValue).send().await;
        let identity = clients.sts.get_caller_identity().send().await.unwrap();
        vec![
            ("`aws:ec2:image` may hold any text", image.is_ok() && self.account.parameter("/image").await.is_some()),
            ("A parameter may hold `{{ }}`", nested.is_ok()),
            ("A parameter of the standard tier may be longer than 4 KB", long.is_ok()),
            ("There is no Image Builder", builds.is_err()),
            (
                "Credentials that nobody was given are taken",
                identity.arn() == Some("arn:aws:sts::123456789012:user/moto"),
            ),
        ]
    }

    /// Each time with the same token.
    fn request(&self) -> aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder {
        let call = self.account.clients.ec2.run_instances().image_id(&self.image).min_count(1).max_count(1);
        call.instance_type(InstanceType::T3Large).client_token("once")
    }

    async fn run(&self) -> String {
        let answer = self.request().send().await.unwrap();
        let instance = &answer.instances()[0];
        assert_eq!(state(instance), "pending", "at least the answer says so");
        instance.instance_id().unwrap().to_owned()
    }
}

/// The code of an error, or nothing.
fn code<T, E: ProvideErrorMetadata>(result: &Result<T, SdkError<E>>) -> String {
    result.as_ref().err().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned()
}
