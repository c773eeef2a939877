//! What `RunInstances` refuses before anything is launched.

use crate::support::{Sandbox, baked};

const GOOD: &str = "ImageId=ami-0a0a0a0a0a0a0a0a0&InstanceType=t3.medium&MinCount=1&MaxCount=1\
    &SecurityGroupId.1=sg-00000000000000000&IamInstanceProfile.Name=local-instance-profile\
    &MetadataOptions.HttpTokens=required&MetadataOptions.HttpPutResponseHopLimit=1\
    &BlockDeviceMapping.1.DeviceName=/dev/xvda&BlockDeviceMapping.1.Ebs.VolumeSize=30\
    &BlockDeviceMapping.1.Ebs.VolumeType=gp3&TagSpecification.1.ResourceType=instance\
    &TagSpecification.1.Tag.1.Key=veris:version&TagSpecification.1.Tag.1.Value=1.2.0\
    &TagSpecification.2.ResourceType=volume&TagSpecification.2.Tag.1.Key=Name&TagSpecification.2.Tag.1.Value=root\
    &UserData=I2Nsb3VkLWNvbmZpZw%3D%3D&ClientToken=token";

#[tokio::test]
async fn a_good_request_would_succeed() {
    let cloud = Sandbox::with_state(baked).await;
    for request in [GOOD.to_owned(), GOOD.replace("t3.medium", "t3.micro")] {
        let answer = cloud.operator().ec2("RunInstances", &format!("{request}&DryRun=true")).await;
        assert_eq!(answer.code(), "DryRunOperation", "{}", answer.text());
    }
    let named = GOOD.replace(
        "ami-0a0a0a0a0a0a0a0a0",
        "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    );
    let answer = cloud.operator().ec2("RunInstances", &format!("{named}&DryRun=true")).await;
    assert_eq!(answer.code(), "DryRunOperation", "{}", answer.text());
}

#[tokio::test]
async fn a_bad_request_is_refused_before_anything_starts() {
    let cloud = Sandbox::with_state(baked).await;
    let long = format!("UserData={}", "QUFB".repeat(5462));
    for (good, bad, code) in [
        ("ImageId=ami-0a0a0a0a0a0a0a0a0", "ImageId=ami-0123", "InvalidAMIID.NotFound"),
        ("ImageId=ami-0a0a0a0a0a0a0a0a0", "ImageId=resolve:ssm:/absent", "InvalidParameterValue"),
        ("MaxCount=1", "MaxCount=2", "UnsupportedOperation"),
        ("InstanceType=t3.medium", "InstanceType=large", "InvalidParameterValue"),
        ("sg-00000000000000000", "default", "InvalidGroupId.Malformed"),
        ("local-instance-profile", "rmit-workload-veris", "InvalidParameterValue"),
        ("HttpTokens=required", "HttpTokens=optional", "UnsupportedOperation"),
        ("HopLimit=1", "HopLimit=65", "InvalidParameterValue"),
        ("DeviceName=/dev/xvda", "DeviceName=/dev/sdf", "UnsupportedOperation"),
        ("VolumeSize=30", "VolumeSize=8", "InvalidBlockDeviceMapping"),
        ("Ebs.VolumeSize=30", "Ebs.KmsKeyId=alias/mine", "InvalidParameterDependency"),
        ("ResourceType=volume", "ResourceType=fleet", "InvalidParameterValue"),
        ("Tag.1.Key=Name", "Tag.1.Key=aws:Name", "InvalidParameterValue"),
        ("UserData=I2Nsb3VkLWNvbmZpZw%3D%3D", "UserData=%23cloud-config", "InvalidUserData.Malformed"),
        ("UserData=I2Nsb3VkLWNvbmZpZw%3D%3D", &long, "InvalidParameterValue"),
        ("ClientToken=token", "Placement.Tenancy=dedicated", "UnknownParameter"),
        ("ClientToken=token", "InstanceInitiatedShutdownBehavior=terminate", "UnsupportedOperation"),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let answer = cloud.operator().ec2("RunInstances", &GOOD.replacen(good, bad, 1)).await;
        assert_eq!(answer.code(), code, "{good} -> {bad}: {}", answer.text());
    }
    assert!(!cloud.operator().ec2("DescribeInstances", "").await.text().contains("<instanceId>"));
}

#[tokio::test]
async fn groups_keys_and_subnets_are_taken_as_given() {
    let cloud = Sandbox::with_state(baked).await;
    let request = GOOD.replace("sg-00000000000000000", "sg-0123456789abcdef0");
    let elsewhere = format!("{request}&SubnetId=subnet-0123456789abcdef0&KeyName=mine&DryRun=true");
    let answer = cloud.operator().ec2("RunInstances", &elsewhere).await;
    assert_eq!(answer.code(), "DryRunOperation", "{}", answer.text());
}
