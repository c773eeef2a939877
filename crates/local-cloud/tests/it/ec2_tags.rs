//! Tags.

use crate::support::{Sandbox, addressed};

#[tokio::test]
async fn tags_are_given_found_and_taken_away() {
    let cloud = Sandbox::with_state(addressed).await;
    let client = cloud.operator();
    let give = "ResourceId.1=i-0c0c0c0c0c0c0c0c0&ResourceId.2=vol-0d0d0d0d0d0d0d0d0\
        &Tag.1.Key=veris:promoted-at&Tag.1.Value=2026-08-22T12:00:00Z&Tag.2.Key=empty&Tag.2.Value=";
    insta::assert_snapshot!(client.ec2("CreateTags", give).await.shown(), @r#"
    200
    <?xml version="1.0" encoding="UTF-8"?>
    <CreateTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>…</requestId>
    <return>true</return>
    </CreateTagsResponse>
    "#);
    let ask = "Filter.1.Name=resource-id&Filter.1.Value.1=i-*&Filter.1.Value.2=vol-*";
    insta::assert_snapshot!(client.ec2("DescribeTags", ask).await.shown());

    // A tag with another value than the one named stays.
    let take = "ResourceId.1=i-0c0c0c0c0c0c0c0c0&Tag.1.Key=veris:version&Tag.1.Value=9&Tag.2.Key=empty";
    assert_eq!(client.ec2("DeleteTags", take).await.status, 200);
    let left = client.ec2("DescribeTags", "Filter.1.Name=resource-type&Filter.1.Value.1=instance").await;
    assert_eq!(left.text().matches("<item>").count(), 2, "{}", left.text());
    assert_eq!(client.ec2("DeleteTags", "ResourceId.1=i-0c0c0c0c0c0c0c0c0").await.status, 200);
    let none = client.ec2("DescribeTags", "Filter.1.Name=resource-type&Filter.1.Value.1=instance").await;
    assert_eq!(none.text().matches("<item>").count(), 0, "{}", none.text());
}

#[tokio::test]
async fn tags_that_cannot_be_given_leave_nothing_half_done() {
    let cloud = Sandbox::with_state(addressed).await;
    let client = cloud.operator();
    for (parameters, code) in [
        ("ResourceId.1=i-0c0c0c0c0c0c0c0c0&ResourceId.2=i-0&Tag.1.Key=a&Tag.1.Value=b", "InvalidInstanceID.NotFound"),
        ("ResourceId.1=lt-1&Tag.1.Key=a&Tag.1.Value=b", "InvalidID"),
        ("ResourceId.1=i-0c0c0c0c0c0c0c0c0&Tag.1.Key=aws:a&Tag.1.Value=b", "InvalidParameterValue"),
        ("ResourceId.1=i-0c0c0c0c0c0c0c0c0&Tag.1.Key=a&Tag.1.Value=%00", "InvalidParameterValue"),
        ("ResourceId.1=i-0c0c0c0c0c0c0c0c0", "MissingParameter"),
    ] {
        assert_eq!(client.ec2("CreateTags", parameters).await.code(), code, "{parameters}");
    }
    let tags = client.ec2("DescribeTags", "Filter.1.Name=key&Filter.1.Value.1=a").await;
    assert!(!tags.text().contains("<item>"), "{}", tags.text());
}

#[tokio::test]
async fn everything_that_has_an_id_takes_tags() {
    let cloud = Sandbox::with_state(addressed).await;
    let client = cloud.operator();
    for (id, kind) in [
        ("ami-0a0a0a0a0a0a0a0a0", "image"),
        ("snap-0b0b0b0b0b0b0b0b0", "snapshot"),
        ("i-0c0c0c0c0c0c0c0c0", "instance"),
        ("vol-0d0d0d0d0d0d0d0d0", "volume"),
        ("eipalloc-0f0f0f0f0f0f0f0f0", "elastic-ip"),
    ] {
        let give = format!("ResourceId.1={id}&Tag.1.Key=colour&Tag.1.Value={kind}");
        assert_eq!(client.ec2("CreateTags", &give).await.status, 200, "{id}");
        let ask = format!("Filter.1.Name=resource-id&Filter.1.Value.1={id}&Filter.2.Name=key&Filter.2.Value.1=colour");
        let found = client.ec2("DescribeTags", &ask).await;
        assert_eq!(
            (found.element("resourceType").as_deref(), found.element("value").as_deref()),
            (Some(kind), Some(kind))
        );
        assert_eq!(client.ec2("DeleteTags", &format!("ResourceId.1={id}&Tag.1.Key=colour")).await.status, 200);
        assert_eq!(client.ec2("DescribeTags", &ask).await.element("value"), None);
    }
}
