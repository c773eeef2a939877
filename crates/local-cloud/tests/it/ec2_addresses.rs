//! Elastic IPs as far as no guest is needed.

use crate::support::{Sandbox, addressed, launched};

#[tokio::test]
async fn an_address_is_described_as_aws_would() {
    let cloud = Sandbox::with_state(addressed).await;
    let client = cloud.operator();
    insta::assert_snapshot!(client.ec2("DescribeAddresses", "").await.shown());
    for (parameters, count) in [
        ("PublicIp.1=127.0.0.99", 1),
        ("AllocationId.1=eipalloc-0f0f0f0f0f0f0f0f0", 1),
        ("Filter.1.Name=instance-id&Filter.1.Value.1=i-0c0c0c0c0c0c0c0c0", 1),
        ("Filter.1.Name=tag:veris:service&Filter.1.Value.1=veris-chat", 1),
        ("Filter.1.Name=public-ip&Filter.1.Value.1=127.0.0.1", 0),
    ] {
        let answer = client.ec2("DescribeAddresses", parameters).await;
        assert_eq!(answer.text().matches("<item>").count() > 0, count > 0, "{parameters}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_address_that_is_in_use_is_neither_released_nor_taken_away() {
    let cloud = Sandbox::with_state(|state| {
        addressed(state);
        let mut other = state.instances["i-0c0c0c0c0c0c0c0c0"].clone();
        other.instance_id = "i-01010101010101010".into();
        state.instances.insert(other.instance_id.clone(), other);
    })
    .await;
    let client = cloud.operator();
    let id = "AllocationId=eipalloc-0f0f0f0f0f0f0f0f0";
    insta::assert_snapshot!(client.ec2("ReleaseAddress", id).await.shown(), @r#"
    400
    <?xml version="1.0" encoding="UTF-8"?>
    <Response>
    <Errors>
    <Error>
    <Code>InvalidIPAddress.InUse</Code>
    <Message>Address 127.0.0.99 is in use.</Message>
    </Error>
    </Errors>
    <RequestID>…</RequestID>
    </Response>
    "#);
    let take = format!("{id}&InstanceId=i-01010101010101010&AllowReassociation=false");
    insta::assert_snapshot!(client.ec2("AssociateAddress", &take).await.shown(), @r#"
    400
    <?xml version="1.0" encoding="UTF-8"?>
    <Response>
    <Errors>
    <Error>
    <Code>Resource.AlreadyAssociated</Code>
    <Message>resource eipalloc-0f0f0f0f0f0f0f0f0 is already associated with associate-id eipassoc-0e0e0e0e0e0e0e0e0</Message>
    </Error>
    </Errors>
    <RequestID>…</RequestID>
    </Response>
    "#);
    let same = format!("{id}&InstanceId=i-0c0c0c0c0c0c0c0c0");
    insta::assert_snapshot!(client.ec2("AssociateAddress", &same).await.shown(), @r#"
    200
    <?xml version="1.0" encoding="UTF-8"?>
    <AssociateAddressResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>…</requestId>
    <return>true</return>
    <associationId>eipassoc-0e0e0e0e0e0e0e0e0</associationId>
    </AssociateAddressResponse>
    "#);
}

#[tokio::test]
async fn a_free_address_is_released() {
    let cloud = Sandbox::with_state(|state| {
        addressed(state);
        state.addresses.values_mut().for_each(|address| address.association = None);
    })
    .await;
    let client = cloud.operator();
    assert_eq!(client.ec2("ReleaseAddress", "PublicIp=127.0.0.99").await.status, 200);
    assert_eq!(client.ec2("ReleaseAddress", "PublicIp=127.0.0.99").await.code(), "InvalidAddress.NotFound");
    assert_eq!(client.ec2("ReleaseAddress", "AllocationId=eipalloc-1").await.code(), "InvalidAllocationID.NotFound");
    assert_eq!(
        client.ec2("DisassociateAddress", "AssociationId=eipassoc-1").await.code(),
        "InvalidAssociationID.NotFound"
    );
}

#[tokio::test]
async fn an_address_is_one_of_loopback_and_leads_to_instances_that_run() {
    let cloud = Sandbox::with_state(launched).await;
    let client = cloud.operator();
    let allocated = client.ec2("AllocateAddress", "Domain=vpc").await;
    assert!(allocated.element("publicIp").unwrap().starts_with("127."), "{}", allocated.text());
    let id = allocated.element("allocationId").unwrap();
    let lead = format!("AllocationId={id}&InstanceId=i-0c0c0c0c0c0c0c0c0");
    // The instance is stopped.
    assert_eq!(client.ec2("AssociateAddress", &lead).await.code(), "IncorrectInstanceState");
}
