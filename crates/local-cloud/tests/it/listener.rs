//! The listener: where it listens, and how it starts and stops.

use http_body_util::Full;
use local_cloud::{Endpoint, ServeError};

use crate::support::{Sandbox, exchange, options};

#[tokio::test]
async fn the_url_stays_the_same_over_a_restart_and_the_resources_stay() {
    let cloud = Sandbox::start().await;
    let url = cloud.url.clone();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let put = serde_json::json!({"Name": "/kept", "Value": "yes", "Type": "String"});
    assert_eq!(cloud.operator().ssm("PutParameter", put).await.status, 200);

    let stopped = cloud.stop().await;
    assert_eq!(Endpoint::read(&stopped.layout), None);
    assert!(tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.is_err());

    let cloud = stopped.start().await;
    assert_eq!(cloud.url, url);
    let kept = cloud.operator().ssm("GetParameter", serde_json::json!({"Name": "/kept"})).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
}

#[tokio::test]
async fn a_page_that_rebinds_its_name_to_loopback_is_turned_away() {
    let cloud = Sandbox::start().await;
    let request = hyper::Request::builder().uri("/").header("host", "evil.example").body(Full::default()).unwrap();
    let answer = exchange(&cloud.url, request).await;
    insta::assert_snapshot!(answer.shown(), @r#"
    403
    {"message":"The local cloud answers to 127.0.0.1 and localhost only, not to the host 'evil.example'"}
    "#);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let stopped = Sandbox::start().await.stop().await;
    let failed = local_cloud::serve(options(&stopped.layout, Some(port)), async {}).await;
    let Err(error @ ServeError::Bind { .. }) = failed else { panic!("expected a taken port, got {failed:?}") };
    assert_eq!(
        error.to_string(),
        format!("failed to listen on 127.0.0.1:{port}; end what uses the port, or choose another")
    );
    assert_eq!(Endpoint::read(&stopped.layout), None);
}

#[tokio::test]
async fn a_second_cloud_in_the_same_directory_is_refused() {
    let cloud = Sandbox::start().await;
    let second = local_cloud::serve(options(&cloud.layout, None), async {}).await;
    assert!(matches!(second, Err(ServeError::Running { .. })), "{second:?}");
    assert!(Endpoint::read(&cloud.layout).is_some());
}

#[tokio::test]
async fn a_request_that_is_too_long_is_refused_unless_it_brings_an_object() {
    let cloud = Sandbox::start().await;
    let form = format!("Action=DescribeImages&ImageId.1={}", "a".repeat(5 * 1024 * 1024));
    let answer = cloud.operator().form("ec2", &form).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "RequestEntityTooLarge"));

    assert_eq!(cloud.operator().s3("PUT", "/veris-local", b"").await.status, 200);
    let object = vec![7; 5 * 1024 * 1024];
    assert_eq!(cloud.operator().s3("PUT", "/veris-local/large", &object).await.status, 200);
}
