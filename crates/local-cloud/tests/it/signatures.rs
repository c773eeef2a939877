//! Wrong signatures, in the words of each protocol.

use jiff::{SignedDuration, Timestamp};

use crate::support::{Answer, Client, Sandbox, Unsigned, exchange, in_session};

async fn everywhere(client: &Client) -> String {
    let plain = |service, target| Unsigned { service, method: "POST", target, headers: vec![], body: vec![] };
    let answers: [(&str, Answer); 5] = [
        ("ec2", client.ec2("DescribeImages", "").await),
        ("sts", client.form("sts", "Action=GetCallerIdentity&Version=2011-06-15").await),
        ("ssm", client.ssm("GetParameter", serde_json::json!({"Name": "a"})).await),
        ("imagebuilder", client.send(plain("imagebuilder", "/ListComponents")).await),
        ("s3", client.s3("GET", "/bucket/key", b"").await),
    ];
    let show = |(service, answer): &(&str, Answer)| format!("{service}: {} {}", answer.status, answer.code());
    answers.iter().map(show).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_wrong_secret() {
    let cloud = Sandbox::start().await;
    let client = Client { secret: "guessed".to_owned(), ..cloud.operator() };
    insta::assert_snapshot!(everywhere(&client).await, @r"
    ec2: 403 SignatureDoesNotMatch
    sts: 403 SignatureDoesNotMatch
    ssm: 400 InvalidSignatureException
    imagebuilder: 403 InvalidSignatureException
    s3: 403 SignatureDoesNotMatch
    ");
}

#[tokio::test]
async fn an_unknown_key() {
    let cloud = Sandbox::start().await;
    let client = Client { key: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..cloud.operator() };
    insta::assert_snapshot!(everywhere(&client).await, @r"
    ec2: 401 AuthFailure
    sts: 403 InvalidClientTokenId
    ssm: 400 UnrecognizedClientException
    imagebuilder: 403 UnrecognizedClientException
    s3: 403 InvalidAccessKeyId
    ");
}

#[tokio::test]
async fn a_clock_that_is_wrong() {
    let cloud = Sandbox::start().await;
    let client = Client { date: Timestamp::now() - SignedDuration::from_mins(20), ..cloud.operator() };
    insta::assert_snapshot!(everywhere(&client).await, @r"
    ec2: 400 RequestExpired
    sts: 403 SignatureDoesNotMatch
    ssm: 400 InvalidSignatureException
    imagebuilder: 403 InvalidSignatureException
    s3: 403 RequestTimeTooSkewed
    ");
}

#[tokio::test]
async fn temporary_credentials_without_their_token() {
    let cloud = Sandbox::with_state(in_session).await;
    let without = everywhere(&Client { token: None, ..cloud.instance() }).await;
    let with_another = everywhere(&Client { token: Some("another".to_owned()), ..cloud.instance() }).await;
    assert_eq!(without, with_another);
    insta::assert_snapshot!(without, @r"
    ec2: 401 AuthFailure
    sts: 403 InvalidClientTokenId
    ssm: 400 UnrecognizedClientException
    imagebuilder: 403 UnrecognizedClientException
    s3: 400 InvalidToken
    ");
}

#[tokio::test]
async fn temporary_credentials_that_are_over() {
    let cloud = Sandbox::with_state(|state| {
        in_session(state);
        for session in state.sessions.values_mut() {
            session.expires = Timestamp::now() - SignedDuration::from_secs(1);
        }
    })
    .await;
    insta::assert_snapshot!(everywhere(&cloud.instance()).await, @r"
    ec2: 400 RequestExpired
    sts: 403 ExpiredToken
    ssm: 400 ExpiredTokenException
    imagebuilder: 403 ExpiredTokenException
    s3: 400 ExpiredToken
    ");
}

#[tokio::test]
async fn an_instance_may_ask_who_it_is_and_little_else() {
    let cloud = Sandbox::with_state(in_session).await;
    insta::assert_snapshot!(everywhere(&cloud.instance()).await, @r"
    ec2: 403 UnauthorizedOperation
    sts: 200 
    ssm: 400 ParameterNotFound
    imagebuilder: 403 AccessDeniedException
    s3: 404 NoSuchBucket
    ");
    let denied = cloud.instance().ec2("TerminateInstances", "InstanceId.1=i-0c0c0c0c0c0c0c0c0").await;
    insta::assert_snapshot!(denied.shown(), @r#"
    403
    <?xml version="1.0" encoding="UTF-8"?>
    <Response>
    <Errors>
    <Error>
    <Code>UnauthorizedOperation</Code>
    <Message>You are not authorized to perform this operation. User: arn:aws:sts::000000000000:assumed-role/local-role/i-0c0c0c0c0c0c0c0c0 is not authorized to perform: ec2:TerminateInstances because no identity-based policy allows the ec2:TerminateInstances action</Message>
    </Error>
    </Errors>
    <RequestID>…</RequestID>
    </Response>
    "#);
}

#[tokio::test]
async fn nothing_signed() {
    let cloud = Sandbox::start().await;
    let signed = |unsigned: Unsigned<'_>| {
        let mut request = cloud.operator().sign(unsigned);
        request.headers_mut().remove("authorization");
        request
    };
    let form = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    let target = vec![("x-amz-target", "AmazonSSM.GetParameter".to_owned())];
    let mut shown = Vec::new();
    for headers in [form, target, vec![]] {
        let request = signed(Unsigned { service: "ec2", method: "POST", target: "/", headers, body: vec![] });
        shown.push(exchange(&cloud.url, request).await.shown());
    }
    insta::assert_snapshot!(shown.join("\n"), @r#"
    403
    <?xml version="1.0" encoding="UTF-8"?>
    <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
    <Error>
    <Type>Sender</Type>
    <Code>MissingAuthenticationToken</Code>
    <Message>Missing Authentication Token</Message>
    </Error>
    <RequestId>…</RequestId>
    </ErrorResponse>
    400
    {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}
    403
    {"message":"Missing Authentication Token"}
    "#);
}

#[tokio::test]
async fn a_body_that_was_changed_under_way() {
    let cloud = Sandbox::start().await;
    let body = b"Action=DescribeImages&Version=2016-11-15".to_vec();
    let request =
        cloud.operator().sign(Unsigned { service: "ec2", method: "POST", target: "/", headers: vec![], body });
    let changed = request.map(|_| bytes::Bytes::from_static(b"Action=TerminateInstances&InstanceId.1=i-1").into());
    let answer = exchange(&cloud.url, changed).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn a_service_that_does_not_exist_here() {
    let cloud = Sandbox::start().await;
    let answer = cloud.operator().form("rds", "Action=DescribeDBInstances&Version=2014-10-31").await;
    insta::assert_snapshot!(answer.shown(), @r#"
    404
    <?xml version="1.0" encoding="UTF-8"?>
    <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
    <Error>
    <Type>Sender</Type>
    <Code>UnknownService</Code>
    <Message>The local cloud does not emulate the service 'rds' of the credential scope; it emulates ec2, ec2-instance-connect, ebs, imagebuilder, s3, ssm, secretsmanager, sts, iam, servicequotas and bedrock</Message>
    </Error>
    <RequestId>…</RequestId>
    </ErrorResponse>
    "#);
}

#[tokio::test]
async fn a_url_presigned_in_the_old_way_is_refused_with_the_cure() {
    let cloud = Sandbox::start().await;
    let target = "/veris-local/key?AWSAccessKeyId=AKIA&Signature=abc&Expires=1";
    let host = cloud.url.trim_start_matches("http://");
    let request = hyper::Request::builder().uri(target).header("host", host).body(http_body_util::Full::default());
    let answer = exchange(&cloud.url, request.unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "InvalidRequest"));
    assert!(answer.text().contains("Please use AWS4-HMAC-SHA256"), "{}", answer.text());
}

#[tokio::test]
async fn an_operation_that_was_not_signed() {
    let cloud = Sandbox::start().await;
    let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
    let body = b"{}".to_vec();
    let mut request = cloud.operator().sign(Unsigned { service: "ssm", method: "POST", target: "/", headers, body });
    request.headers_mut().insert("x-amz-target", "AmazonSSM.DescribeParameters".parse().unwrap());
    let answer = exchange(&cloud.url, request).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "IncompleteSignatureException"));
    assert!(answer.text().contains("'X-Amz-Target' must be a 'SignedHeader'"), "{}", answer.text());
}

#[tokio::test]
async fn a_signature_that_holds_in_every_region() {
    let cloud = Sandbox::start().await;
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    let body = b"Action=GetCallerIdentity&Version=2011-06-15".to_vec();
    let mut request = cloud.operator().sign(Unsigned { service: "sts", method: "POST", target: "/", headers, body });
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let of_version_4a = authorization.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
    request.headers_mut().insert("authorization", of_version_4a.parse().unwrap());
    let answer = exchange(&cloud.url, request).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "IncompleteSignature"));
    assert!(answer.text().contains("verifies AWS4-HMAC-SHA256"), "{}", answer.text());
}
