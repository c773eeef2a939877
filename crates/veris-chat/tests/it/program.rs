//! The program itself: settings from disk, credentials from the instance role, signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_bedrock::{FakeBedrock, says};

/// The running program; dropping it kills it.
pub(crate) struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
    /// Its log up to the line that says where it listens.
    pub(crate) said_at_start: String,
}

impl Program {
    /// What it says when it cannot start.
    pub(crate) fn refuses(env: &str, metadata: SocketAddr) -> String {
        let directory = tempfile::tempdir().unwrap();
        write(&directory, "config.yaml", "");
        write(&directory, ".env", env);
        let mut command = command(&directory);
        let output = command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{metadata}")).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    fn start(env: &str, metadata: SocketAddr) -> Self {
        Self::start_in(&tempfile::tempdir().unwrap(), env, metadata)
    }

    /// Starts it as the unit does: `.env` as a credential, a folder for its state, and nothing else in the environment but the
    /// metadata service's address.
    pub(crate) fn start_in(directory: &TempDir, env: &str, metadata: SocketAddr) -> Self {
        Self::start_with(directory, env, metadata, &[])
    }

    fn start_with(directory: &TempDir, env: &str, metadata: SocketAddr, more: &[(&str, &str)]) -> Self {
        if !directory.path().join("config.yaml").exists() {
            write(directory, "config.yaml", "max_tokens: 64\n");
        }
        write(directory, "env", &format!("PORT=0\n{env}"));
        let mut child = command(directory)
            .env("CREDENTIALS_DIRECTORY", directory.path())
            .env("STATE_DIRECTORY", directory.path())
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{metadata}"))
            .envs(more.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said_at_start = String::new();
        let address = loop {
            let entry = entry(&mut log).expect("the program says where it listens");
            said_at_start.push_str(&entry.to_string());
            if let Some(address) = entry["server.address"].as_str() {
                break address.parse().unwrap();
            }
        };
        Self { child, log, address, said_at_start }
    }

    pub(crate) fn ask(&self, message: &str) -> String {
        let mut connection = self.send(message);
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a message; the answer can be read from the connection.
    pub(crate) fn send(&self, message: &str) -> TcpStream {
        let body = json!({"session_id": "a", "message": message}).to_string();
        self.request("POST /chat/stream/", &body)
    }

    /// Asks about a document; the answer can be read from the connection.
    pub(crate) fn send_about(&self, message: &str, document: &str) -> TcpStream {
        let body = json!({"session_id": "a", "message": message, "document_urls": [document]}).to_string();
        self.request("POST /chat/stream/", &body)
    }

    /// The whole answer to a client with this key.
    pub(crate) fn ask_with_key(&self, key: &str, message: &str) -> String {
        let body = json!({"session_id": "a", "message": message}).to_string();
        // What follows the line becomes the value of the last header.
        let line = format!("POST /chat/ HTTP/1.1\r\nauthorization: Bearer {key}\r\nx-rest:");
        let mut answer = String::new();
        self.request(&line, &body).read_to_string(&mut answer).unwrap();
        answer
    }

    /// Deletes the session in which messages are sent; the answer.
    pub(crate) fn forget(&self) -> String {
        let mut answer = String::new();
        self.request("DELETE /chat/sessions/a", "").read_to_string(&mut answer).unwrap();
        answer
    }

    fn request(&self, line: &str, body: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).unwrap();
        write!(
            connection,
            "{line} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        connection
    }

    /// Stops it as systemd does; the rest of its log.
    pub(crate) fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(directory: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veris-chat"));
    command.env_clear().arg("--config").arg(directory.path().join("config.yaml"));
    command
}

fn entry(log: &mut impl BufRead) -> Option<Value> {
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    serde_json::from_str(&line).ok()
}

fn write(directory: &TempDir, name: &str, text: &str) {
    std::fs::write(directory.path().join(name), text).unwrap();
}

/// A metadata service that wants a token, with or without a role.
pub(crate) async fn metadata_service(role: bool) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |request: Request| async move { metadata(&request, role) };
    tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
    address
}

fn metadata(request: &Request, role: bool) -> Response {
    let path = request.uri().path();
    if request.method() == Method::PUT && path == "/latest/api/token" {
        return ([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "token").into_response();
    }
    if request.headers().get("x-aws-ec2-metadata-token").is_none_or(|token| token != "token") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if path == "/latest/meta-data/placement/region" {
        return "ap-southeast-2".into_response();
    }
    match path.strip_prefix("/latest/meta-data/iam/security-credentials/") {
        Some("") if role => "the-role".into_response(),
        Some("the-role") if role => json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z",
            "AccessKeyId": "ASIAROLE", "SecretAccessKey": "secret", "Token": "session-token",
        })
        .to_string()
        .into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_answers_with_the_role_of_its_instance_and_keeps_messages_out_of_its_log() {
    let bedrock = FakeBedrock::start([says(&["The", " answer."])]).await;
    let metadata = metadata_service(true).await;
    let env = format!("AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://{}\nFOREIGN=hidden-value\n", bedrock.address);
    let (answer, log) = tokio::task::spawn_blocking(move || {
        let program = Program::start(&env, metadata);
        (program.ask("a private question"), program.stop())
    })
    .await
    .unwrap();

    assert!(answer.contains(r#""content":"The""#) && answer.contains("data: [DONE]"), "{answer}");
    let call = bedrock.calls().remove(0);
    assert!(call.headers["authorization"].to_str().unwrap().contains("Credential=ASIAROLE/"));
    assert_eq!(call.headers["x-amz-security-token"], "session-token");
    assert!(log.contains(r#""chat.outcome":"complete""#), "{log}");
    for secret in ["private question", "The answer", "hidden-value", "session-token"] {
        assert!(!log.contains(secret), "{secret:?} is in the log: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_without_a_role_is_told_what_it_lacks() {
    let metadata = metadata_service(false).await;
    let answer = tokio::task::spawn_blocking(move || Program::start("", metadata).ask("Hi")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("credentials_unavailable") && answer.contains("attach the instance profile"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_that_the_server_listens_lives_and_stops() {
    let metadata = metadata_service(true).await;
    tokio::task::spawn_blocking(move || {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let said = || {
            let mut buffer = [0; 256];
            let length = socket.recv(&mut buffer).expect("systemd hears of the server in time");
            String::from_utf8(buffer[..length].to_vec()).unwrap().trim().to_owned()
        };
        let systemd = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "600000")];
        let program = Program::start_with(&directory, "", metadata, &systemd);
        assert_eq!([said(), said(), said()], ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
        program.stop();
        while said() != "STOPPING=1" {}
    })
    .await
    .unwrap();
}

#[test]
fn without_any_file_or_variable_the_program_accepts_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veris-chat"));
        command.env_clear().current_dir(&directory).arg("--check");
        command.output().unwrap()
    };
    assert!(program().status.success());
    write(&directory, "config.yaml", "port: none\n");
    let reason = String::from_utf8(program().stderr).unwrap();
    assert!(reason.contains("`config.yaml` is not valid: port"), "{reason}");
}

#[test]
fn check_accepts_good_files_and_warns_about_the_rule_for_models() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory, "config.yaml", "model_id: anthropic.claude-x\n");
    let output = command(&directory).arg("--check").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "the configuration is valid\n");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("set MODEL_ID to the inference profile `us.anthropic.claude-x`")
    );
}

#[test]
fn a_wrong_file_stops_the_program_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory, "config.yaml", "port: 1\nprot: 2\n");
    for check in [true, false] {
        let output = command(&directory).args(check.then_some("--check")).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let reason = String::from_utf8(output.stderr).unwrap();
        assert!(reason.contains("unknown field `prot`") && reason.contains("line 2"), "{reason}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    write(&directory, "config.yaml", &format!("port: {}\n", taken.local_addr().unwrap().port()));
    let output = command(&directory).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let reason = String::from_utf8(output.stderr).unwrap();
    assert!(reason.contains(&format!("failed to listen on {}", taken.local_addr().unwrap())), "{reason}");
}
