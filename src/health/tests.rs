use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A service that answers `health` and `version` with the given bodies, on a loopback port of its own.
async fn service(health: &'static str, version: &'static str) -> Endpoint {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("loopback is IPv4") };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            let body = if request[..length].starts_with(b"GET /health ") { health } else { version };
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Endpoint { address: *address.ip(), port: address.port() }
}

fn image(version: &str, digest: &str) -> BakedImage {
    BakedImage {
        service: "veris-chat".to_owned(),
        version: version.parse().unwrap(),
        image_id: "ami-1".to_owned(),
        digest: digest.to_owned(),
        commit: String::new(),
        created: None,
        state: "available".to_owned(),
    }
}

const VERSION: &str = r#"{"service":"veris-chat","version":"1.0.0","digest":"aaaabbbbccccdddd","commit":"abc"}"#;

#[tokio::test]
async fn the_service_must_be_the_image_asked_for() {
    let endpoint = service(r#"{"status":"healthy"}"#, VERSION).await;
    assert_eq!(look(endpoint, &image("1.0.0", "aaaabbbbccccdddd")).await, Ok(()));

    let error = look(endpoint, &image("1.1.0", "eeee")).await.unwrap_err();
    let error = error.replace(&endpoint.url(), "URL");
    insta::assert_snapshot!(error, @"URL serves veris-chat 1.0.0 (digest aaaabbbbcccc), not 1.1.0 (digest eeee)");

    let other_bake = look(endpoint, &image("1.0.0", "ffff")).await;
    assert!(other_bake.is_err(), "the same version with another digest is another image");
}

#[tokio::test]
async fn a_service_without_its_settings_is_not_what_was_launched() {
    let with = |it: &str| VERSION.replace('}', &format!(r#","env_file":{it}}}"#)).leak();
    let image = image("1.0.0", "aaaabbbbccccdddd");
    let good = service(r#"{"status":"healthy"}"#, with("true")).await;
    assert_eq!(look(good, &image).await, Ok(()));
    let bad = service(r#"{"status":"healthy"}"#, with("false")).await;
    let error = look(bad, &image).await.unwrap_err().replace(&bad.url(), "URL");
    insta::assert_snapshot!(error, @"URL serves without the settings of its `.env`: its user data had not come when it started");
}

#[tokio::test]
async fn health_is_exact() {
    let endpoint = service(r#"{"status":"starting"}"#, VERSION).await;
    let error = look(endpoint, &image("1.0.0", "aaaabbbbccccdddd")).await.unwrap_err().replace(&endpoint.url(), "URL");
    insta::assert_snapshot!(error, @r#"URL/health answered 200 "{\"status\":\"starting\"}""#);
}

#[tokio::test]
async fn a_closed_port_is_no_connection() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let endpoint = Endpoint { address: Ipv4Addr::LOCALHOST, port };
    let error = healthy(endpoint).await.unwrap_err().replace(&endpoint.url(), "URL");
    insta::assert_snapshot!(error, @"no connection to URL/health: Connection refused (os error 111)");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("loopback is IPv4") };
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let error = healthy(Endpoint { address: *address.ip(), port: address.port() }).await.unwrap_err();
    assert!(error.contains("broke off"), "{error}");
}
