//! Keys that open an instance for a minute.

use std::fmt::Write as _;

use http_body_util::BodyExt;
use hyper::Method;
use local_cloud::service::{Caller, Request, Response, instance_connect, metadata};
use local_cloud::state::{InstanceState, State};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Sandbox, Unsigned, in_session, launched, unserved};

const INSTANCE: &str = "i-0c0c0c0c0c0c0c0c0";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyeNKYvY/0oXTu9VLJVX8ruRQnfvXJ1nEB7dRgKVbHC ada";
const TARGET: &str = "AWSEC2InstanceConnectService.SendSSHPublicKey";

fn input(instance: &str, user: &str, key: &str) -> Value {
    json!({"InstanceId": instance, "InstanceOSUser": user, "SSHPublicKey": key})
}

async fn send(client: &Client, target: &str, input: &Value) -> Answer {
    let kind = "application/x-amz-json-1.1".to_owned();
    let headers = vec![("content-type", kind), ("x-amz-target", target.to_owned())];
    let (service, body) = ("ec2-instance-connect", input.to_string().into_bytes());
    client.send(Unsigned { service, method: "POST", target: "/", headers, body }).await
}

async fn text(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

fn running(state: &mut State) {
    launched(state);
    state.instances.get_mut(INSTANCE).unwrap().state = InstanceState::Running;
}

#[tokio::test]
async fn a_key_is_told_to_the_instance_and_the_user_that_it_was_sent_for() {
    let (cloud, _directory) = unserved(running);
    let mut headers = hyper::HeaderMap::new();
    headers.insert("x-amz-target", TARGET.parse().unwrap());
    let request = Request {
        method: Method::POST,
        path: "/".to_owned(),
        query: Vec::new(),
        headers,
        body: input(INSTANCE, "ec2-user", KEY).to_string().into(),
        caller: Caller::Operator,
        region: "ap-southeast-2".to_owned(),
    };
    let (status, answer) = text(instance_connect::handle(&cloud, &request)).await;
    assert_eq!((status, serde_json::from_str::<Value>(&answer).unwrap()["Success"].clone()), (200, json!(true)));

    let ask = |method: Method, path: &str, header: (&str, &str)| {
        let request = hyper::Request::builder().method(method).uri(path).header(header.0, header.1).body(()).unwrap();
        text(metadata::handle(&cloud, INSTANCE, &request.into_parts().0))
    };
    let token = ask(Method::PUT, "/latest/api/token", ("x-aws-ec2-metadata-token-ttl-seconds", "60")).await.1;
    let keys = "/latest/meta-data/managed-ssh-keys/active-keys";
    let token = ("x-aws-ec2-metadata-token", token.as_str());
    let (status, told) = ask(Method::GET, &format!("{keys}/ec2-user/"), token).await;
    assert_eq!(status, 200);
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("#Timestamp=1") && lines[3].starts_with("#Request="), "{told}");
    assert_eq!(lines[1..3], [&format!("#Instance={INSTANCE}"), "#Caller=arn:aws:iam::000000000000:user/local"]);
    assert_eq!(lines[4..], [KEY, ""]);
    assert_eq!(ask(Method::GET, &format!("{keys}/root/"), token).await.0, 404);
    assert_eq!(ask(Method::GET, &format!("{keys}/ec2-user/"), ("x-none", "")).await.0, 401);
}

#[tokio::test]
async fn a_key_that_would_open_nothing_is_refused() {
    let cloud = Sandbox::with_state(|state| {
        launched(state);
        in_session(state);
    })
    .await;
    let good = input(INSTANCE, "ec2-user", KEY);
    let mut told = String::new();
    for (what, input) in [
        ("a stopped instance", good.clone()),
        ("no instance", input("i-0123456789abcdef0", "ec2-user", KEY)),
        ("a path for a user", input(INSTANCE, "../ec2-user", KEY)),
        ("half a key", input(INSTANCE, "ec2-user", &KEY[..40])),
        ("two keys", input(INSTANCE, "ec2-user", &format!("{KEY}\n{KEY}"))),
        ("an unknown member", json!({"InstanceId": INSTANCE, "InstanceOSUser": "a", "SSHPublicKey": KEY, "Ttl": 600})),
    ] {
        let answer = send(&cloud.operator(), TARGET, &input).await;
        writeln!(told, "{what}: {} {}", answer.status, answer.code()).unwrap();
    }
    let other = send(&cloud.operator(), "AWSEC2InstanceConnectService.SendSerialConsoleSSHPublicKey", &good).await;
    writeln!(told, "the serial console: {} {}", other.status, other.code()).unwrap();
    let instance = send(&cloud.instance(), TARGET, &good).await;
    writeln!(told, "an instance's role: {} {}", instance.status, instance.code()).unwrap();
    insta::assert_snapshot!(told, @r"
    a stopped instance: 400 EC2InstanceStateInvalidException
    no instance: 400 EC2InstanceNotFoundException
    a path for a user: 400 InvalidArgsException
    half a key: 400 InvalidArgsException
    two keys: 400 InvalidArgsException
    an unknown member: 400 InvalidArgsException
    the serial console: 400 UnknownOperationException
    an instance's role: 400 AccessDeniedException
    ");
}
