//! Attributes of AMIs: who may launch them, and what they say of themselves.

use crate::ec2_copies::{abroad, copy, with_disk};
use crate::support::{Client, Sandbox, baked};

const IMAGE: &str = "ImageId=ami-0a0a0a0a0a0a0a0a0";

/// The accounts that may launch the image.
async fn shared_with(client: &Client) -> Vec<String> {
    let asked = format!("{IMAGE}&Attribute=launchPermission");
    let shown = client.ec2("DescribeImageAttribute", &asked).await;
    assert_eq!(shown.element("imageId").as_deref(), Some("ami-0a0a0a0a0a0a0a0a0"), "{}", shown.text());
    let text = shown.text();
    text.split("<userId>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

async fn modify(client: &Client, change: &str) -> String {
    let answer = client.ec2("ModifyImageAttribute", &format!("{IMAGE}&{change}")).await;
    if answer.status == 200 { "done".to_owned() } else { answer.code() }
}

#[tokio::test]
async fn an_image_is_shared_with_accounts_in_either_form() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    assert!(shared_with(&client).await.is_empty());
    let both = "LaunchPermission.Add.1.UserId=111111111111&LaunchPermission.Add.2.UserId=222222222222";
    assert_eq!(modify(&client, both).await, "done");
    let named = "Attribute=launchPermission&OperationType=add&UserId.1=333333333333&UserId.2=111111111111";
    assert_eq!(modify(&client, named).await, "done");
    assert_eq!(shared_with(&client).await, ["111111111111", "222222222222", "333333333333"]);

    let found = |who: &'static str| {
        let client = cloud.operator();
        async move { client.ec2("DescribeImages", who).await.text().matches("<imageId>").count() }
    };
    assert_eq!(found("ExecutableBy.1=111111111111").await, 1);
    assert_eq!(found("ExecutableBy.1=444444444444").await, 0);
    assert_eq!(found("ExecutableBy.1=self").await, 0);
    // The parent image.
    assert_eq!(found("ExecutableBy.1=all").await, 1);

    let cloud = cloud.stop().await.start().await;
    let client = cloud.operator();
    let swapped = "LaunchPermission.Remove.1.UserId=111111111111&LaunchPermission.Add.1.UserId=555555555555";
    assert_eq!(modify(&client, swapped).await, "done");
    let named = "Attribute=launchPermission&OperationType=remove&UserId.1=222222222222&UserId.2=999999999999";
    assert_eq!(modify(&client, named).await, "done");
    assert_eq!(shared_with(&client).await, ["333333333333", "555555555555"]);
    // It is not public, so there is nothing to take back.
    assert_eq!(modify(&client, "LaunchPermission.Remove.1.Group=all").await, "done");
}

#[tokio::test]
async fn a_share_that_aws_would_refuse_is_refused() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    for (change, code) in [
        ("LaunchPermission.Add.1.Group=all", "OperationNotPermitted"),
        ("Attribute=launchPermission&OperationType=add&UserGroup.1=all", "OperationNotPermitted"),
        ("LaunchPermission.Add.1.Group=everybody", "InvalidAMIAttributeItemValue"),
        ("LaunchPermission.Add.1.UserId=1111-1111-1111", "InvalidAMIAttributeItemValue"),
        ("LaunchPermission.Add.1.UserId=11111111111", "InvalidAMIAttributeItemValue"),
        ("LaunchPermission.Remove.1.UserId=me", "InvalidAMIAttributeItemValue"),
        ("Attribute=launchPermission&OperationType=add&UserId.1=me", "InvalidAMIAttributeItemValue"),
        ("Attribute=launchPermission&OperationType=give&UserId.1=111111111111", "InvalidParameterValue"),
        ("Attribute=launchPermission&UserId.1=111111111111", "MissingParameter"),
        ("Attribute=launchPermission&OperationType=add", "MissingParameter"),
        ("Attribute=imdsSupport&Value=v2.0", "InvalidParameterValue"),
        ("LaunchPermission.Add.1.UserId=111111111111&Description.Value=it", "InvalidParameterCombination"),
        ("LaunchPermission.Add.1.OrganizationArn=arn:aws:organizations::1:organization/o-1", "MissingParameter"),
        ("LaunchPermission.Add.1.UserId=111111111111&LaunchPermission.Add.2.OrganizationArn=arn", "UnknownParameter"),
        ("LaunchPermission.Add.1.UserId=111111111111&DryRun=true", "DryRunOperation"),
        ("", "MissingParameter"),
    ] {
        assert_eq!(modify(&client, change).await, code, "{change}");
    }
    assert!(shared_with(&client).await.is_empty());
    let public = client.ec2("ModifyImageAttribute", &format!("{IMAGE}&LaunchPermission.Add.1.Group=all")).await;
    insta::assert_snapshot!(public.element("Message").unwrap(), @"You can’t publicly share this image because block public access for AMIs is enabled for this account. To publicly share the image, you must call the DisableImageBlockPublicAccess API.");

    let one = "LaunchPermission.Add.1.UserId=111111111111";
    for (image, code) in [("ami-00112233445566778", "AuthFailure"), ("ami-0123456789abcdef0", "InvalidAMIID.NotFound")]
    {
        let refused = client.ec2("ModifyImageAttribute", &format!("ImageId={image}&{one}")).await;
        assert_eq!(refused.code(), code, "{}", refused.text());
        let refused = client.ec2("DescribeImageAttribute", &format!("ImageId={image}&Attribute=description")).await;
        assert_eq!(refused.code(), code, "{}", refused.text());
    }
    let unknown = client.ec2("DescribeImageAttribute", &format!("{IMAGE}&Attribute=kernel")).await;
    assert_eq!(unknown.code(), "InvalidParameterValue", "{}", unknown.text());
}

#[tokio::test]
async fn an_image_gets_another_description() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    let described = |attribute: &'static str| {
        let client = cloud.operator();
        async move {
            let asked = format!("{IMAGE}&Attribute={attribute}");
            client.ec2("DescribeImageAttribute", &asked).await.element("value").unwrap_or_default()
        }
    };
    assert_eq!(described("description").await, "veris-chat &lt;1.2.0&gt; &amp; its unit");
    for (change, description) in [
        ("Description.Value=the%20old%20one", "the old one"),
        ("Attribute=description&Value=the%20last%20one", "the last one"),
        ("Description.Value=", ""),
    ] {
        assert_eq!(modify(&client, change).await, "done");
        assert_eq!(described("description").await, description);
    }
    let long = format!("Description.Value={}", "x".repeat(256));
    assert_eq!(modify(&client, &long).await, "InvalidParameterValue");
    assert_eq!(described("imdsSupport").await, "v2.0");
}

#[tokio::test]
async fn who_may_launch_an_image_is_not_copied() {
    let cloud = with_disk(|_| {}).await;
    assert_eq!(modify(&cloud.operator(), "LaunchPermission.Add.1.UserId=111111111111").await, "done");
    let there = abroad(&cloud);
    copy(&there, "SourceImageId=ami-0a0a0a0a0a0a0a0a0&SourceRegion=ap-southeast-2&Name=copy").await;
    let found = there.ec2("DescribeImages", "ExecutableBy.1=111111111111").await;
    assert_eq!(found.element("imageId"), None, "{}", found.text());
}

#[tokio::test]
async fn what_is_encrypted_with_the_default_key_cannot_be_shared() {
    let cloud = with_disk(|_| {}).await;
    let there = abroad(&cloud);
    let source = "SourceImageId=ami-0a0a0a0a0a0a0a0a0&SourceRegion=ap-southeast-2&Encrypted=true";
    let (locked, _) = copy(&there, &format!("{source}&Name=locked")).await;
    let (open, _) = copy(&there, &format!("{source}&Name=open&KmsKeyId=alias/mine")).await;
    let share = |id: &str| format!("ImageId={id}&LaunchPermission.Add.1.UserId=111111111111");
    let refused = there.ec2("ModifyImageAttribute", &share(&locked)).await;
    assert_eq!(refused.code(), "InvalidParameter", "{}", refused.text());
    let expected = "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.";
    assert_eq!(refused.element("Message").as_deref(), Some(expected));
    let removed = there.ec2("ModifyImageAttribute", &share(&locked).replace("Add", "Remove")).await;
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_eq!(there.ec2("ModifyImageAttribute", &share(&open)).await.status, 200);
}
