//! Buckets and objects.

use crate::support::{Sandbox, hash, in_session};

#[tokio::test]
async fn an_artifact_is_stored_once_found_and_removed() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    assert_eq!(client.s3("PUT", "/veris-local", b"").await.status, 200);
    assert_eq!(client.s3("PUT", "/veris-local", b"").await.code(), "BucketAlreadyOwnedByYou");
    assert_eq!(client.s3("HEAD", "/veris-local/sha256/abc/veris-chat", b"").await.status, 404);
    assert_eq!(client.s3("PUT", "/veris-local/sha256/abc/veris-chat", b"\x7fELF").await.status, 200);

    let head = client.s3("HEAD", "/veris-local/sha256/abc/veris-chat", b"").await;
    assert_eq!((head.status, head.headers["content-length"].to_str().unwrap()), (200, "4"));
    let found = client.s3("GET", "/veris-local/sha256/abc/veris-chat", b"").await;
    assert_eq!((found.status, &found.body[..]), (200, &b"\x7fELF"[..]));
    let listed = client.s3("GET", "/veris-local?list-type=2&prefix=sha256%2F", b"").await;
    assert_eq!(listed.element("Key").as_deref(), Some("sha256/abc/veris-chat"));

    assert_eq!(client.s3("DELETE", "/veris-local/sha256/abc/veris-chat", b"").await.status, 204);
    assert_eq!(client.s3("GET", "/veris-local/sha256/abc/veris-chat", b"").await.code(), "NoSuchKey");
    assert_eq!(client.s3("GET", "/absent/key", b"").await.code(), "NoSuchBucket");
    assert_eq!(client.s3("PUT", "/absent/key", b"x").await.code(), "NoSuchBucket");
}

#[tokio::test]
async fn a_body_that_is_not_what_was_signed_is_not_stored() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let answer = client.s3_with("PUT", "/veris-local/key", &hash(b"something else"), b"this").await;
    assert!(answer.status >= 400, "{}", answer.text());
    assert_eq!(client.s3("GET", "/veris-local/key", b"").await.code(), "NoSuchKey");
    assert_eq!(client.s3_with("PUT", "/veris-local/key", "UNSIGNED-PAYLOAD", b"this").await.status, 200);
}

#[tokio::test]
async fn an_instance_may_read_objects_and_nothing_else() {
    let cloud = Sandbox::with_state(in_session).await;
    cloud.operator().s3("PUT", "/veris-local", b"").await;
    cloud.operator().s3("PUT", "/veris-local/key", b"artifact").await;
    let instance = cloud.instance();
    assert_eq!(&instance.s3("GET", "/veris-local/key", b"").await.body[..], b"artifact");
    assert_eq!(instance.s3("HEAD", "/veris-local/key", b"").await.status, 200);
    let denied = instance.s3("PUT", "/veris-local/key", b"other").await;
    assert_eq!((denied.status, denied.code().as_str()), (403, "AccessDenied"));
    assert!(denied.text().contains("assumed-role/local-role/i-0c0c0c0c0c0c0c0c0"), "{}", denied.text());
    assert_eq!(instance.s3("GET", "/veris-local?list-type=2", b"").await.code(), "AccessDenied");
    assert_eq!(instance.s3("DELETE", "/veris-local/key", b"").await.code(), "AccessDenied");
}
