//! The signatures of AWS's published signing test suite (`vectors.txt`, from aws-c-auth, Apache-2.0), and junk.

use hyper::{HeaderMap, Method, Request};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn vectors() -> Vec<(&'static str, Request<String>)> {
    let texts = include_str!("vectors.txt").split("=== ").filter(|text| !text.is_empty());
    texts.map(|text| text.split_once('\n').map(|(name, request)| (name, parse(request))).unwrap()).collect()
}

fn parse(text: &str) -> Request<String> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let mut start = lines.next().unwrap().split(' ');
    let mut request = Request::builder().method(start.next().unwrap()).uri(start.next().unwrap());
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    request.body(body.trim_end_matches('\n').to_owned()).unwrap()
}

fn noon() -> Timestamp {
    "2015-08-30T12:36:00Z".parse().unwrap()
}

fn check(request: &Request<String>, now: Timestamp) -> Result<Scope, Rejection> {
    let head = Head::of(request);
    let authorization = Authorization::read(&head)?;
    authorization.verify(&head, SECRET, &hash(request.body().as_bytes()), now)?;
    Ok(authorization.scope)
}

#[test]
fn aws_published_signatures_hold() {
    let failed: Vec<_> = vectors()
        .into_iter()
        .filter_map(|(name, request)| check(&request, noon()).err().map(|rejection| (name, rejection)))
        .collect();
    assert_eq!(failed, []);
    assert!(vectors().len() > 40);
}

#[test]
fn a_changed_request_does_not_pass() {
    for (name, request) in vectors() {
        let mut other_method = request.clone();
        *other_method.method_mut() = Method::DELETE;
        let mut other_host = request.clone();
        other_host.headers_mut().insert("host", "evil.example".parse().unwrap());
        let other_body = request.clone().map(|body| body + "!");
        for changed in [other_method, other_host, other_body] {
            assert_eq!(check(&changed, noon()), Err(Rejection::WrongSignature), "{name}");
        }
    }
}

#[test]
fn a_request_is_good_for_fifteen_minutes() {
    let (_, request) = vectors().into_iter().find(|(name, _)| *name == "get-vanilla header").unwrap();
    let minutes = SignedDuration::from_mins;
    assert!(check(&request, noon() + minutes(15)).is_ok());
    assert!(check(&request, noon() - minutes(15)).is_ok());
    let Err(Rejection::Skewed(late)) = check(&request, noon() + minutes(16)) else { panic!("expected a skew") };
    insta::assert_snapshot!(late, @"Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z (20150830T125200Z - 15 min.)");
    let Err(Rejection::Skewed(early)) = check(&request, noon() - minutes(16)) else { panic!("expected a skew") };
    insta::assert_snapshot!(early, @"Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z (20150830T122000Z + 15 min.)");
}

#[test]
fn what_is_missing_is_named() {
    let header = |authorization: &str| {
        let request = Request::builder().uri("/").header("host", "localhost").header("authorization", authorization);
        let request = request.header("x-amz-date", "20150830T123600Z").body(String::new()).unwrap();
        check(&request, noon()).unwrap_err()
    };
    let credential = "Credential=AKID/20150830/us-east-1/ec2/aws4_request";
    let signature = "00".repeat(32);
    insta::assert_debug_snapshot!([
        header("Basic abc"),
        header("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=secret"),
        header("AWS4-HMAC-SHA256 Credential=AKID/ec2, SignedHeaders=host, Signature=00"),
        header(&format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=x-amz-date, Signature={signature}")),
        header(&format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host;absent, Signature={signature}")),
    ], @r#"
    [
        Incomplete(
            "Unsupported Authorization scheme; the local cloud verifies AWS4-HMAC-SHA256",
        ),
        Incomplete(
            "Authorization header requires 'Credential' parameter. Authorization=AWS4-HMAC-SHA256 SignedHeaders=host, ",
        ),
        Incomplete(
            "Credential must have exactly 5 slash-delimited elements, got 'AKID/ec2'",
        ),
        Incomplete(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        WrongSignature,
    ]
    "#);
    let unsigned = Request::builder().uri("/?Action=DescribeImages").body(String::new()).unwrap();
    assert_eq!(check(&unsigned, noon()), Err(Rejection::Unsigned));
}

#[test]
fn secrets_are_compared_as_a_whole() {
    assert!(same("token", "token"));
    assert!(!same("token", "token2"));
    assert!(!same("", "t"));
}

proptest! {
    #[test]
    fn no_header_makes_the_reader_panic(
        authorization in proptest::collection::vec(any::<u8>(), 0..200),
        date in "\\PC{0,20}",
        query in "[ -~]{0,120}",
    ) {
        let mut headers = HeaderMap::new();
        if let Ok(value) = hyper::header::HeaderValue::from_bytes(&authorization) {
            headers.insert("authorization", value);
        }
        if let Ok(value) = hyper::header::HeaderValue::from_bytes(date.as_bytes()) {
            headers.insert("x-amz-date", value);
        }
        let head = Head { method: &Method::GET, path: "/%zz/../%", query: &query, headers: &headers };
        let _ = Authorization::read(&head).map(|read| read.verify(&head, SECRET, "", noon()));
        headers.remove("authorization");
        let head = Head { method: &Method::GET, path: "/", query: &query, headers: &headers };
        let _ = Authorization::read(&head).map(|read| read.verify(&head, SECRET, "", noon()));
    }

    #[test]
    fn nearly_right_headers_do_not_pass_or_panic(
        date in "[0-9TZ]{16}", scope in "[A-Za-z0-9/_-]{0,60}", headers in "[a-z;-]{0,30}", signature in "[0-9a-f]{62,66}",
    ) {
        let text = format!(
            "AWS4-HMAC-SHA256 Credential={scope}/aws4_request, SignedHeaders=host;{headers}, Signature={signature}"
        );
        let request = Request::builder().uri("/").header("host", "localhost").header("x-amz-date", date);
        let request = request.header("authorization", text).body(String::new()).unwrap();
        prop_assert!(check(&request, noon()).is_err());
    }
}
