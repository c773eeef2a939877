//! Buckets and objects.

use std::fmt::Write as _;

use crate::support::{Answer, Client, Sandbox, Unsigned, exchange, hash, in_session};

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

/// CRC-32 of `this`, as clients send it behind a body.
const TRAILER: &str = "x-amz-checksum-crc32:/u6CJw==";

#[tokio::test]
async fn a_body_in_signed_chunks_is_stored_when_every_signature_holds() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let stored = put_in_chunks(&client, b"this", b"this").await;
    assert_eq!(stored.status, 200, "{}", stored.text());
    assert_eq!(&client.s3("GET", "/veris-local/chunked", b"").await.body[..], b"this");

    client.s3("DELETE", "/veris-local/chunked", b"").await;
    let refused = put_in_chunks(&client, b"this", b"that").await;
    assert!(refused.status >= 400, "{}", refused.text());
    assert_eq!(client.s3("GET", "/veris-local/chunked", b"").await.code(), "NoSuchKey");
}

/// Puts an object as the AWS SDKs do over plain HTTP: chunks and trailer signed in a chain.
async fn put_in_chunks(client: &Client, signed: &[u8], sent: &[u8]) -> Answer {
    let kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned();
    let headers = vec![
        ("content-encoding", "aws-chunked".to_owned()),
        ("x-amz-content-sha256", kind),
        ("x-amz-decoded-content-length", signed.len().to_string()),
        ("x-amz-trailer", "x-amz-checksum-crc32".to_owned()),
    ];
    let request = Unsigned { service: "s3", method: "PUT", target: "/veris-local/chunked", headers, body: vec![] };
    let request = client.sign(request);
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let seed = authorization.rsplit('=').next().unwrap().to_owned();
    let chunk = |previous: &str, bytes: &[u8]| {
        let rest = format!("{previous}\n{}\n{}", hash(b""), hash(bytes));
        client.signature("s3", "AWS4-HMAC-SHA256-PAYLOAD", &rest)
    };
    let first = chunk(&seed, signed);
    let last = chunk(&first, b"");
    let rest = format!("{last}\n{}", hash(format!("{TRAILER}\n").as_bytes()));
    let trailer = client.signature("s3", "AWS4-HMAC-SHA256-TRAILER", &rest);
    let mut body = format!("{:x};chunk-signature={first}\r\n", signed.len()).into_bytes();
    body.extend(sent);
    body.extend(
        format!("\r\n0;chunk-signature={last}\r\n{TRAILER}\r\nx-amz-trailer-signature:{trailer}\r\n\r\n").bytes(),
    );
    exchange(&client.url, request.map(|_| bytes::Bytes::from(body).into())).await
}

#[tokio::test]
async fn a_body_in_unsigned_chunks_is_stored() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let headers = vec![
        ("content-encoding", "aws-chunked".to_owned()),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned()),
        ("x-amz-decoded-content-length", "4".to_owned()),
        ("x-amz-trailer", "x-amz-checksum-crc32".to_owned()),
    ];
    let body = format!("4\r\nthis\r\n0\r\n{TRAILER}\r\n\r\n").into_bytes();
    let put = Unsigned { service: "s3", method: "PUT", target: "/veris-local/chunked", headers, body };
    let stored = client.send(put).await;
    assert_eq!(stored.status, 200, "{}", stored.text());
    assert_eq!(&client.s3("GET", "/veris-local/chunked", b"").await.body[..], b"this");
}

/// A request with one more header.
async fn with_header(client: &Client, method: &str, target: &str, header: (&str, &str), body: &[u8]) -> Answer {
    let headers = vec![("x-amz-content-sha256", hash(body)), (header.0, header.1.to_owned())];
    client.send(Unsigned { service: "s3", method, target, headers, body: body.to_vec() }).await
}

#[tokio::test]
async fn a_bucket_is_made_listed_and_removed_when_it_is_empty() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    for bucket in ["/first", "/second"] {
        assert_eq!(client.s3("PUT", bucket, b"").await.status, 200);
        assert_eq!(client.s3("HEAD", bucket, b"").await.status, 200);
    }
    let listed = client.s3("GET", "/", b"").await.text();
    assert!(listed.contains("<Name>first</Name>") && listed.contains("<Name>second</Name>"), "{listed}");

    client.s3("PUT", "/first/a/key", b"x").await;
    let refused = client.s3("DELETE", "/first", b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "BucketNotEmpty"), "{}", refused.text());
    assert_eq!(client.s3("DELETE", "/first/a/key", b"").await.status, 204);
    assert_eq!(client.s3("DELETE", "/first", b"").await.status, 204);
    assert_eq!(client.s3("HEAD", "/first", b"").await.status, 404);
    assert_eq!(client.s3("DELETE", "/first", b"").await.code(), "NoSuchBucket");
}

#[tokio::test]
async fn a_part_of_an_object_is_read_and_a_copy_made() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    client.s3("PUT", "/veris-local/digits", b"0123456789").await;
    let part = with_header(&client, "GET", "/veris-local/digits", ("range", "bytes=2-4"), b"").await;
    assert_eq!((part.status, &part.body[..]), (206, &b"234"[..]));

    let source = ("x-amz-copy-source", "/veris-local/digits");
    let copied = with_header(&client, "PUT", "/veris-local/copies/digits", source, b"").await;
    assert_eq!(copied.status, 200, "{}", copied.text());
    client.s3("DELETE", "/veris-local/digits", b"").await;
    assert_eq!(&client.s3("GET", "/veris-local/copies/digits", b"").await.body[..], b"0123456789");
}

#[tokio::test]
async fn a_large_object_arrives_in_parts() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let begun = client.s3("POST", "/veris-local/large?uploads=", b"").await;
    let id = begun.element("UploadId").unwrap();
    // AWS takes no smaller parts but the last.
    let parts = [vec![1; 5 << 20], b"the end".to_vec()];
    let mut list = String::new();
    for (number, part) in (1..).zip(&parts) {
        let target = format!("/veris-local/large?partNumber={number}&uploadId={id}");
        let stored = client.s3("PUT", &target, part).await;
        let tag = stored.headers["etag"].to_str().unwrap();
        write!(list, "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>").unwrap();
    }
    assert_eq!(client.s3("HEAD", "/veris-local/large", b"").await.status, 404);
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let completed = client.s3("POST", &format!("/veris-local/large?uploadId={id}"), list.as_bytes()).await;
    assert_eq!(completed.status, 200, "{}", completed.text());
    assert!(client.s3("GET", "/veris-local/large", b"").await.body == parts.concat());
}

#[tokio::test]
async fn an_object_is_replaced_by_those_who_know_it_only() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let (key, new) = ("/veris-local/lock", ("if-none-match", "*"));
    let first = with_header(&client, "PUT", key, new, b"mine").await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(with_header(&client, "PUT", key, new, b"yours").await.code(), "PreconditionFailed");
    let other = format!("\"{}\"", "0".repeat(32));
    assert_eq!(with_header(&client, "PUT", key, ("if-match", &other), b"yours").await.status, 412);
    let tag = first.headers["etag"].to_str().unwrap();
    assert_eq!(with_header(&client, "PUT", key, ("if-match", tag), b"mine again").await.status, 200);
    assert_eq!(client.s3("GET", key, b"").await.text(), "mine again");
}

#[tokio::test]
async fn a_checksum_must_be_that_of_the_object() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    let (name, value) = TRAILER.split_once(':').unwrap();
    let stored = with_header(&client, "PUT", "/veris-local/key", (name, value), b"this").await;
    assert_eq!((stored.status, stored.headers[name].to_str().unwrap()), (200, value), "{}", stored.text());
    let refused = with_header(&client, "PUT", "/veris-local/key", (name, value), b"that").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "BadDigest"));
}

#[tokio::test]
async fn versions_encryption_policies_and_lifecycles_are_not_there() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    client.s3("PUT", "/veris-local/key", b"plain").await;
    for what in ["versioning", "encryption", "policy", "lifecycle"] {
        let answer = client.s3("GET", &format!("/veris-local?{what}="), b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (501, "NotImplemented"), "{what}");
    }
    assert_eq!(client.s3("GET", "/veris-local/key?versionId=1", b"").await.code(), "NotImplemented");
    assert_eq!(client.s3("DELETE", "/veris-local/key?versionId=1", b"").await.code(), "NotImplemented");
    let secret = ("x-amz-server-side-encryption", "aws:kms");
    let refused = with_header(&client, "PUT", "/veris-local/key", secret, b"secret").await;
    assert_eq!((refused.status, refused.code().as_str()), (501, "NotImplemented"), "{}", refused.text());
    assert_eq!(client.s3("GET", "/veris-local/key", b"").await.text(), "plain");
}

#[tokio::test]
async fn a_key_is_an_object_or_a_folder() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    client.s3("PUT", "/veris-local", b"").await;
    assert_eq!(client.s3("PUT", "/veris-local/a", b"object").await.status, 200);
    assert!(client.s3("PUT", "/veris-local/a/b", b"below it").await.status >= 400);
    assert_eq!(client.s3("GET", "/veris-local/a", b"").await.text(), "object");
    assert_eq!(client.s3("PUT", "/veris-local/c/d", b"object").await.status, 200);
    assert!(client.s3("PUT", "/veris-local/c", b"above it").await.status >= 400);
    assert_eq!(client.s3("GET", "/veris-local/c/d", b"").await.text(), "object");
}
