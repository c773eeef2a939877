//! The metadata service, over the socket through which guests come.

use local_cloud::layout::Layout;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::support::{Client, Sandbox, launched};

const INSTANCE: &str = "i-0c0c0c0c0c0c0c0c0";
const TTL: &str = "X-aws-ec2-metadata-token-ttl-seconds: 60";

#[tokio::test]
async fn nothing_is_told_without_a_token_of_the_instance() {
    let cloud = Sandbox::with_state(|state| {
        launched(state);
        let mut other = state.instances[INSTANCE].clone();
        other.instance_id = "i-0e0e0e0e0e0e0e0e0".into();
        state.instances.insert(other.instance_id.clone(), other);
    })
    .await;
    let guest = Guest { layout: &cloud.layout, instance: INSTANCE };
    assert_eq!(guest.ask("GET /latest/meta-data/", &[]).await.status, 401);
    assert_eq!(guest.ask("GET /latest/meta-data/", &["X-aws-ec2-metadata-token: guessed"]).await.status, 401);

    let other = Guest { layout: &cloud.layout, instance: "i-0e0e0e0e0e0e0e0e0" };
    let stolen = other.token().await;
    assert_eq!(guest.ask("GET /latest/meta-data/", &[&stolen]).await.status, 401);

    let token = guest.token().await;
    assert_eq!(guest.ask("GET /latest/meta-data/instance-id", &[&token]).await.text, INSTANCE);
    assert_eq!(guest.ask("GET /2021-03-23/meta-data/instance-id", &[&token]).await.text, INSTANCE);
    assert_eq!(guest.ask("GET /1999-01-01/meta-data/instance-id", &[&token]).await.status, 404);
    assert_eq!(guest.ask("GET /latest/meta-data/nothing", &[&token]).await.status, 404);
    assert_eq!(guest.ask("POST /latest/meta-data/", &[&token]).await.status, 405);
}

#[tokio::test]
async fn tokens_last_between_a_second_and_six_hours_and_pass_no_proxy() {
    let cloud = Sandbox::with_state(launched).await;
    let guest = Guest { layout: &cloud.layout, instance: INSTANCE };
    for (ttl, status) in [("0", 400), ("1", 200), ("21600", 200), ("21601", 400), ("soon", 400)] {
        let header = format!("X-aws-ec2-metadata-token-ttl-seconds: {ttl}");
        assert_eq!(guest.ask("PUT /latest/api/token", &[&header]).await.status, status, "{ttl}");
    }
    assert_eq!(guest.ask("PUT /latest/api/token", &[]).await.status, 400);
    assert_eq!(guest.ask("PUT /latest/api/token", &[TTL, "X-Forwarded-For: 10.0.0.1"]).await.status, 403);
}

#[tokio::test]
async fn user_data_is_there_or_it_is_not_found() {
    let cloud = Sandbox::with_state(launched).await;
    let guest = Guest { layout: &cloud.layout, instance: INSTANCE };
    let token = guest.token().await;
    assert_eq!(guest.ask("GET /latest/user-data", &[&token]).await.status, 404);
    assert_eq!(guest.ask("GET /latest/", &[&token]).await.text, "dynamic\nmeta-data");

    let directory = cloud.layout.instance(INSTANCE);
    fs_err::create_dir_all(&directory).unwrap();
    fs_err::write(directory.join("user-data"), "#cloud-config\n").unwrap();
    assert_eq!(guest.ask("GET /latest/user-data", &[&token]).await.text, "#cloud-config\n");
    assert_eq!(guest.ask("GET /latest/", &[&token]).await.text, "dynamic\nmeta-data\nuser-data");
}

#[tokio::test]
async fn the_roles_credentials_sign_requests() {
    let cloud = Sandbox::with_state(launched).await;
    let guest = Guest { layout: &cloud.layout, instance: INSTANCE };
    let token = guest.token().await;
    let roles = "GET /latest/meta-data/iam/security-credentials/";
    let role = guest.ask(roles, &[&token]).await.text;
    assert_eq!(role, "local-instance-profile");
    assert_eq!(guest.ask(&format!("{roles}another-role"), &[&token]).await.status, 404);

    let answer = guest.ask(&format!("{roles}{role}"), &[&token]).await;
    let credentials: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
    let time = |name: &str| text(name).parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("Expiration").duration_since(time("LastUpdated")), jiff::SignedDuration::from_hours(6));
    let (key, secret) = (text("AccessKeyId"), text("SecretAccessKey"));
    let client = Client { key, secret, token: Some(text("Token")), ..cloud.operator() };
    let caller = client.form("sts", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(
        caller.element("Arn").as_deref(),
        Some("arn:aws:sts::000000000000:assumed-role/local-instance-profile/i-0c0c0c0c0c0c0c0c0")
    );
}

#[tokio::test]
async fn a_token_outlives_the_control_plane() {
    let cloud = Sandbox::with_state(launched).await;
    let token = Guest { layout: &cloud.layout, instance: INSTANCE }.token().await;
    let cloud = cloud.stop().await.start().await;
    let guest = Guest { layout: &cloud.layout, instance: INSTANCE };
    assert_eq!(guest.ask("GET /latest/meta-data/instance-id", &[&token]).await.text, INSTANCE);
}

#[tokio::test]
async fn every_version_tells_the_same_and_what_is_not_there_is_not_found() {
    let cloud = Sandbox::with_state(launched).await;
    let guest = Guest { layout: &cloud.layout, instance: INSTANCE };
    let token = guest.token().await;
    let versions = guest.ask("GET /", &[&token]).await.text;
    assert!(versions.lines().count() > 10 && versions.ends_with("latest"), "{versions}");
    for version in versions.lines() {
        let region = guest.ask(&format!("GET /{version}/meta-data/placement/region"), &[&token]).await;
        assert_eq!(region.text, "ap-southeast-2", "{version}");
    }
    assert_eq!(guest.ask("GET /latest/dynamic/instance-identity/", &[&token]).await.text, "document");
    for absent in ["public-keys/", "tags/instance/", "spot/", "events/", "block-device-mapping/"] {
        let answer = guest.ask(&format!("GET /latest/meta-data/{absent}"), &[&token]).await;
        assert_eq!(answer.status, 404, "{absent}");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_say_whose_it_is_is_closed() {
    let cloud = Sandbox::with_state(launched).await;
    for preamble in ["", "metadata\n", "console i-1\n", &"x".repeat(1000)] {
        let mut stream = connect(&cloud.layout).await;
        stream.write_all(preamble.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // Closing with unread bytes resets the connection, which is as good.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "{preamble:?}");
    }
}

/// What a process in a guest can do.
struct Guest<'a> {
    layout: &'a Layout,
    instance: &'a str,
}

struct Answer {
    status: u16,
    text: String,
}

impl Guest<'_> {
    async fn ask(&self, request: &str, headers: &[&str]) -> Answer {
        let mut stream = connect(self.layout).await;
        let mut head = format!("metadata {}\n{request} HTTP/1.1\r\nHost: 169.254.169.254\r\n", self.instance);
        for header in headers.iter().chain(&["Connection: close", "Content-Length: 0"]) {
            head.push_str(header);
            head.push_str("\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), text: text.to_owned() }
    }

    /// The header that carries a fresh token.
    async fn token(&self) -> String {
        format!("X-aws-ec2-metadata-token: {}", self.ask("PUT /latest/api/token", &[TTL]).await.text)
    }
}

/// The socket is made a moment after the endpoint is known.
async fn connect(layout: &Layout) -> UnixStream {
    let connecting = async {
        loop {
            if let Ok(stream) = UnixStream::connect(layout.guest_socket()).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), connecting).await.unwrap()
}
