//! Who leaves first: the client, or the server.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use veris_chat::serve;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::server::state;

const PATIENCE: Duration = Duration::from_secs(20);

/// A listening server that stops when told to.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

async fn running(bedrock: &FakeBedrock, drain: Duration) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let signal = async move { stopped.await.unwrap() };
    let served = tokio::spawn(serve(listener, state(bedrock), signal, drain));
    Running { address, stop, served }
}

async fn ask(address: SocketAddr, session: &str, message: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let body = json!({"session_id": session, "message": message}).to_string();
    let request = format!(
        "POST /chat/stream/ HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// Reads until `text` has arrived.
async fn read_until(connection: &mut TcpStream, text: &str) -> String {
    let mut received = String::new();
    let mut buffer = [0; 4096];
    while !received.contains(text) {
        let count = timeout(PATIENCE, connection.read(&mut buffer)).await.expect("data in time").unwrap();
        assert_ne!(count, 0, "the connection ended before {text:?}: {received}");
        received.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    received
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call_to_bedrock_and_frees_its_session() {
    let silent = Script::Stream(vec![Act::Text("first"), Act::Silence]);
    let mut bedrock = FakeBedrock::start([silent, says(&["ok"])]).await;
    let server = running(&bedrock, Duration::ZERO).await;

    let mut client = ask(server.address, "a", "Never answered").await;
    read_until(&mut client, "first").await;
    drop(client);
    timeout(PATIENCE, bedrock.departure()).await.expect("the stream from Bedrock is closed");

    read_until(&mut ask(server.address, "a", "Again").await, "[DONE]").await;
    // What the client has read is part of the conversation.
    assert_eq!(bedrock.calls()[1].body["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_word_ends_the_call_too() {
    let mut bedrock = FakeBedrock::start([Script::Stream(vec![Act::Silence])]).await;
    let server = running(&bedrock, Duration::ZERO).await;
    let mut client = ask(server.address, "a", "Hi").await;
    read_until(&mut client, "chat.status").await;
    drop(client);
    timeout(PATIENCE, bedrock.departure()).await.expect("the stream from Bedrock is closed");
}

#[tokio::test]
async fn a_server_that_stops_tells_the_answers_it_interrupts() {
    let bedrock = FakeBedrock::start([Script::Stream(vec![Act::Text("first"), Act::Silence])]).await;
    let server = running(&bedrock, Duration::from_millis(50)).await;
    let mut client = ask(server.address, "a", "Hi").await;
    read_until(&mut client, "first").await;

    server.stop.send(()).unwrap();
    let rest = read_until(&mut client, "[DONE]").await;
    assert!(rest.contains(r#""code":"stopping""#), "{rest}");
    timeout(PATIENCE, server.served).await.expect("the server ends").unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_server_without_work_stops_at_once() {
    let bedrock = FakeBedrock::start([]).await;
    let server = running(&bedrock, Duration::from_hours(1)).await;
    server.stop.send(()).unwrap();
    timeout(PATIENCE, server.served).await.expect("the server ends long before its deadline").unwrap().unwrap();
}
