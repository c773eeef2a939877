//! Rules of the security group: kept and described as EC2 would, and filtering nothing.

use local_cloud::state::{InstanceState, State};

use crate::support::{Answer, Client, Sandbox, addressed, launched};

const GROUP: &str = "GroupId=sg-00000000000000000";

fn tcp(port: u16, range: &str) -> String {
    format!(
        "{GROUP}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort={port}&IpPermissions.1.ToPort={port}&IpPermissions.1.{range}"
    )
}

async fn authorize(client: &Client, request: &str) -> Answer {
    client.ec2("AuthorizeSecurityGroupIngress", request).await
}

fn ids(text: &str) -> Vec<String> {
    let ids = text.split("<securityGroupRuleId>").skip(1);
    ids.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rules_are_added_described_renamed_and_removed() {
    let cloud = Sandbox::with_state(addressed).await;
    let client = cloud.operator();
    let ranges = "IpRanges.1.CidrIp=203.0.113.7/32&IpPermissions.1.IpRanges.1.Description=veris:+user/ada\
        &IpPermissions.1.Ipv6Ranges.1.CidrIpv6=2001:DB8:0::/48";
    let tagged = "TagSpecification.1.ResourceType=security-group-rule&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b";
    let added = authorize(&client, &format!("{}&{tagged}", tcp(22, ranges))).await;
    assert_eq!(added.status, 200, "{}", added.text());
    let added = ids(&added.text());
    assert_eq!(added.len(), 2);
    // As EC2 writes them: bits behind the prefix are gone, IPv6 is short.
    let other = authorize(&client, &tcp(8000, "IpRanges.1.CidrIp=198.51.100.77/24")).await;
    assert!(other.text().contains("<cidrIpv4>198.51.100.0/24</cidrIpv4>"), "{}", other.text());

    let groups = client.ec2("DescribeSecurityGroups", "").await.text();
    for expected in [
        "<cidrIp>203.0.113.7/32</cidrIp>",
        "<cidrIpv6>2001:db8::/48</cidrIpv6>",
        "<description>veris: user/ada</description>",
    ] {
        assert!(groups.contains(expected), "{groups}");
    }
    assert_eq!(
        groups.matches("<ipProtocol>tcp</ipProtocol>").count(),
        2,
        "rules of the same ports are one permission: {groups}"
    );

    let anew = format!(
        "{GROUP}&SecurityGroupRuleDescription.1.SecurityGroupRuleId={}&SecurityGroupRuleDescription.1.Description=other",
        added[0]
    );
    assert_eq!(client.ec2("UpdateSecurityGroupRuleDescriptionsIngress", &anew).await.status, 200);
    let found = "Filter.1.Name=tag:a&Filter.1.Value.1=b&Filter.2.Name=group-id&Filter.2.Value.1=sg-00000000000000000";
    let found = client.ec2("DescribeSecurityGroupRules", found).await.text();
    assert!(ids(&found).len() == 2 && found.contains("<description>other</description>"), "{found}");

    let by_id = format!("{GROUP}&SecurityGroupRuleId.1={}&SecurityGroupRuleId.2={}", added[0], added[1]);
    let revoked = client.ec2("RevokeSecurityGroupIngress", &by_id).await;
    assert_eq!(ids(&revoked.text()), added, "{}", revoked.text());
    assert_eq!(client.ec2("RevokeSecurityGroupIngress", &by_id).await.code(), "InvalidSecurityGroupRuleId.NotFound");
    let by_permission = tcp(8000, "IpRanges.1.CidrIp=198.51.100.0/24");
    assert_eq!(client.ec2("RevokeSecurityGroupIngress", &by_permission).await.status, 200);
    assert_eq!(client.ec2("RevokeSecurityGroupIngress", &by_permission).await.code(), "InvalidPermission.NotFound");
    // What is left is what is true: everything on loopback.
    let left = client.ec2("DescribeSecurityGroupRules", "").await.text();
    assert_eq!(ids(&left), ["sgr-00000000000000000", "sgr-00000000000000001"], "{left}");
}

#[tokio::test]
async fn rules_that_ec2_would_refuse_are_refused_and_nothing_is_half_done() {
    let cloud = Sandbox::with_state(addressed).await;
    let client = cloud.operator();
    let good = tcp(22, "IpRanges.1.CidrIp=203.0.113.7/32&IpPermissions.1.IpRanges.1.Description=ok");
    let dry = authorize(&client, &format!("{good}&DryRun=true")).await;
    assert_eq!(dry.code(), "DryRunOperation");
    assert_eq!(authorize(&client, &good).await.status, 200);
    let twice = authorize(&client, &good).await;
    assert_eq!(twice.code(), "InvalidPermission.Duplicate");
    let peer = "the specified rule \"peer: 203.0.113.7/32, TCP, from port: 22, to port: 22, ALLOW\" already exists";
    assert!(twice.text().replace("&quot;", "\"").contains(peer), "{}", twice.text());
    let long = "Description=".to_owned() + &"x".repeat(256);
    for (from, to, code) in [
        (GROUP, "GroupId=sg-0123456789abcdef0", "InvalidGroup.NotFound"),
        (GROUP, "", "MissingParameter"),
        ("IpProtocol=tcp", "IpProtocol=http", "InvalidPermission.Malformed"),
        ("FromPort=22&", "FromPort=23&", "InvalidParameterValue"),
        ("FromPort=22&", "", "InvalidParameterValue"),
        ("ToPort=22", "ToPort=70000", "InvalidParameterValue"),
        ("203.0.113.7/32", "203.0.113.7", "InvalidParameterValue"),
        ("203.0.113.7/32", "203.0.113.7/33", "InvalidParameterValue"),
        ("203.0.113.7/32", "2001:db8::/48", "InvalidParameterValue"),
        (
            "IpRanges.1.CidrIp=203.0.113.7/32&IpPermissions.1.IpRanges.1.Description=ok",
            "x=y",
            "InvalidPermission.Malformed",
        ),
        ("Description=ok", "Description=caf%C3%A9", "InvalidParameterValue"),
        ("Description=ok", &long, "InvalidParameterValue"),
        (
            "IpRanges.1.CidrIp=203.0.113.7/32",
            "IpRanges.1.CidrIp=192.0.2.1/32&IpPermissions.1.IpRanges.2.CidrIp=192.0.2.1/32",
            "InvalidParameterValue",
        ),
        (
            "IpRanges.1.CidrIp=203.0.113.7/32",
            "IpRanges.1.CidrIp=192.0.2.1/32&IpPermissions.1.IpRanges.2.CidrIp=203.0.113.7/32",
            "InvalidPermission.Duplicate",
        ),
        (
            "IpRanges.1.CidrIp=203.0.113.7/32",
            "IpRanges.1.CidrIp=192.0.2.1/32&IpPermissions.1.Groups.1.GroupId=sg-1",
            "UnknownParameter",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let answer = authorize(&client, &good.replacen(from, to, 1)).await;
        assert_eq!(answer.code(), code, "{from} -> {to}: {}", answer.text());
    }
    assert_eq!(ids(&client.ec2("DescribeSecurityGroupRules", "").await.text()).len(), 3);
    let own = format!("{GROUP}&SecurityGroupRuleId.1=sgr-00000000000000000");
    assert_eq!(client.ec2("RevokeSecurityGroupIngress", &own).await.code(), "UnsupportedOperation");
}

#[tokio::test]
async fn a_stopped_instance_becomes_another_type() {
    let cloud = Sandbox::with_state(launched).await;
    let client = cloud.operator();
    let id = "InstanceId=i-0c0c0c0c0c0c0c0c0";
    let types = client.ec2("DescribeInstanceTypes", "InstanceType.1=t3.nano&InstanceType.2=m5.large").await.text();
    assert!(
        types.contains("<sizeInMiB>512</sizeInMiB>") && types.contains("<defaultVCpus>2</defaultVCpus>"),
        "{types}"
    );
    assert_eq!(client.ec2("DescribeInstanceTypes", "InstanceType.1=large").await.code(), "InvalidInstanceType");
    let changed = client.ec2("ModifyInstanceAttribute", &format!("{id}&InstanceType.Value=t3.nano")).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let now = client.ec2("DescribeInstanceAttribute", &format!("{id}&Attribute=instanceType")).await;
    assert!(now.text().contains("<value>t3.nano</value>"), "{}", now.text());
    for (request, code) in [
        (format!("{id}&InstanceType.Value=nano"), "InvalidParameterValue"),
        (format!("{id}&Attribute=userData&Value=eA=="), "InvalidParameterValue"),
        (format!("{id}&InstanceType.Value=t3.micro&EbsOptimized.Value=true"), "UnknownParameter"),
        ("InstanceId=i-0123456789abcdef0&InstanceType.Value=t3.nano".to_owned(), "InvalidInstanceID.NotFound"),
    ] {
        assert_eq!(client.ec2("ModifyInstanceAttribute", &request).await.code(), code, "{request}");
    }
    // Nothing runs here; what has ended is not stopped either.
    let ended = |state: &mut State| {
        launched(state);
        let instance = state.instances.values_mut().next().unwrap();
        (instance.state, instance.terminated) = (InstanceState::Terminated, Some(jiff::Timestamp::now()));
    };
    let cloud = Sandbox::with_state(ended).await;
    let refused = cloud.operator().ec2("ModifyInstanceAttribute", &format!("{id}&InstanceType.Value=t3.micro")).await;
    assert_eq!(refused.code(), "IncorrectInstanceState", "{}", refused.text());
}
