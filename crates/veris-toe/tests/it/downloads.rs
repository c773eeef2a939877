//! S3 and web downloads against a server on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread;

use insta::assert_snapshot;

use crate::support::{Ran, Sandbox, document};

/// Answers each request on a connection of its own, and remembers them.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let request = read(&stream);
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(request.clone());
                    seen.len()
                };
                let _ = stream.write_all(&answer(&request, number));
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map(|line| line.unwrap());
    let first = lines.next().unwrap();
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
    let url = url::Url::parse(&format!("http://server{target}")).unwrap();
    let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    let headers: BTreeMap<String, String> = headers.collect();
    // A connection that is closed before its body was read is reset, and the answer with it.
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    Request { method, path: url.path().to_owned(), query: url.query_pairs().into_owned().collect(), headers, body }
}

pub(crate) fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

pub(crate) fn run(sandbox: &Sandbox, steps: &str, variables: &[(&str, &str)]) -> Ran {
    sandbox.write("document.yaml", &document(steps));
    let mut command = sandbox.command(&["run", "-d", "document.yaml", "-i", "test"]);
    sandbox.finish(command.envs(variables.iter().copied()).output().unwrap())
}

const GET_OBJECT: &str = "- {name: Get, action: S3Download, inputs: [{source: 's3://veris-local/a/b c.bin', destination: chat, expectedBucketOwner: 000000000000}]}";

/// The metadata service of an instance with a role, and S3 behind the same address.
fn of_instance(request: &Request) -> Vec<u8> {
    let token = request.headers.get("x-aws-ec2-metadata-token").map(String::as_str);
    match (request.method.as_str(), request.path.as_str(), token) {
        ("PUT", "/latest/api/token", None) => answer("200 OK", "the-token"),
        ("GET", "/latest/meta-data/placement/region", Some("the-token")) => answer("200 OK", "ap-southeast-2"),
        ("GET", "/latest/meta-data/iam/security-credentials/", Some("the-token")) => answer("200 OK", "a-role"),
        ("GET", "/latest/meta-data/iam/security-credentials/a-role", Some("the-token")) => answer(
            "200 OK",
            r#"{"Code":"Success","AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"hidden","Token":"session","Expiration":"x"}"#,
        ),
        ("GET", "/veris-local/a/b%20c.bin", None) => answer("200 OK", "the server"),
        _ => answer("401 Unauthorized", ""),
    }
}

#[test]
fn an_object_is_fetched_with_the_roles_credentials() {
    let server = Server::start(|request, _| of_instance(request));
    let sandbox = Sandbox::new();
    let variables = [("AWS_ENDPOINT_URL_S3", server.url.as_str()), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url)];
    let ran = run(&sandbox, GET_OBJECT, &variables).succeeded();
    assert_eq!(sandbox.read("chat"), "the server");
    let object = server.requests().pop().unwrap();
    assert!(object.query["X-Amz-Credential"].starts_with("AKIDEXAMPLE/"));
    assert!(object.query["X-Amz-Credential"].ends_with("/ap-southeast-2/s3/aws4_request"));
    assert_eq!(object.query["X-Amz-Security-Token"], "session");
    assert_eq!(object.query["X-Amz-SignedHeaders"], "host;x-amz-expected-bucket-owner");
    assert_eq!(object.headers["x-amz-expected-bucket-owner"], "000000000000");
    let logs: String = ["application.log", "console.log", "detailedoutput.json"].map(|name| sandbox.log(name)).concat();
    for secret in ["hidden", "session", "X-Amz-Signature"] {
        assert!(!logs.contains(secret) && !ran.stdout.contains(secret), "{secret} was logged");
    }
}

#[test]
fn a_step_with_several_objects_asks_for_the_roles_credentials_once() {
    let server = Server::start(|request, _| of_instance(request));
    let sandbox = Sandbox::new();
    let objects =
        ["one", "two", "three"].map(|name| format!("{{source: 's3://veris-local/a/b c.bin', destination: {name}}}"));
    let steps = format!("- {{name: Get, action: S3Download, inputs: [{}]}}", objects.join(", "));
    let variables = [("AWS_ENDPOINT_URL_S3", server.url.as_str()), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url)];
    run(&sandbox, &steps, &variables).succeeded();
    assert_eq!(["one", "two", "three"].map(|name| sandbox.read(name)), ["the server"; 3]);
    let requests = server.requests();
    let tokens = requests.iter().filter(|request| request.path == "/latest/api/token");
    assert_eq!((tokens.count(), requests.len()), (1, 4 + 3));
}

pub(crate) const KEYS: [(&str, &str); 3] =
    [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hidden")];

#[test]
fn a_refused_object_is_explained_and_leaves_nothing() {
    let server = Server::start(|_, _| {
        answer(
            "404 Not Found",
            "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>",
        )
    });
    let sandbox = Sandbox::new();
    let variables = [KEYS.as_slice(), &[("AWS_ENDPOINT_URL_S3", &server.url)]].concat();
    let ran = run(&sandbox, GET_OBJECT, &variables).failed();
    assert_snapshot!(ran.failure(), @"document document.yaml: phase `build`: step `Get` (S3Download): cannot download s3://veris-local/a/b c.bin: the server answered 404 NoSuchKey: The key does not exist.");
    assert_eq!(server.requests().len(), 1, "a missing object does not appear by asking again");
    assert!(!sandbox.path("chat").exists());
}

#[test]
fn without_credentials_the_cure_is_named() {
    let sandbox = Sandbox::new();
    let ran = run(&sandbox, GET_OBJECT, &[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")]).failed();
    let failure = ran.failure();
    let start = failure.find("the instance metadata service at http://127.0.0.1:9/ does not answer for a token");
    assert!(start.is_some(), "{failure}");
    assert!(failure.contains("set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION where there is none"));
}

#[test]
fn a_broken_transfer_is_tried_again_and_never_seen_half() {
    let server = Server::start(|_, number| match number {
        1 => b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly a part".to_vec(),
        2 => answer("503 Service Unavailable", ""),
        _ => answer("200 OK", "complete"),
    });
    let sandbox = Sandbox::new();
    sandbox.write("chat", "old");
    fs::set_permissions(sandbox.path("chat"), fs::Permissions::from_mode(0o755)).unwrap();
    let variables = [KEYS.as_slice(), &[("AWS_ENDPOINT_URL_S3", &server.url)]].concat();
    let ran = run(&sandbox, GET_OBJECT, &variables).succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Get] cannot download s3://veris-local/a/b c.bin: the connection broke off: Peer disconnected; trying again
    [build] [Get] cannot download s3://veris-local/a/b c.bin: the server answered 503; trying again
    ");
    assert_eq!(sandbox.read("chat"), "complete");
    let mode = fs::metadata(sandbox.path("chat")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755, "a replaced file keeps its permissions");
}

#[test]
fn a_stalled_transfer_ends_with_the_step() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let sandbox = Sandbox::new();
    let steps = format!(
        "- {{name: Get, action: WebDownload, timeoutSeconds: 1, inputs: [{{source: '{url}', destination: file}}]}}"
    );
    let ran = run(&sandbox, &steps, &[]).failed();
    assert!(ran.failure().ends_with("timed out after 1 s (`timeoutSeconds`)"), "{}", ran.failure());
}

#[test]
fn a_web_download_follows_redirects_and_checks_the_sum() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/old" => {
            b"HTTP/1.1 302 Found\r\nLocation: /abc.bin\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
        }
        "/abc.bin" => answer("200 OK", "abc"),
        _ => answer("404 Not Found", ""),
    });
    let sandbox = Sandbox::new();
    let url = &server.url;
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let steps = format!(
        r"
- name: Get
  action: WebDownload
  inputs:
    - {{source: '{url}/old', destination: new/folder/one, checksum: {sum}, algorithm: SHA256}}
    - {{source: '{url}/abc.bin?token=secret', destination: new/, checksum: 900150983cd24fb0d6963f7d28e17f72, algorithm: MD5}}
- name: Again
  action: WebDownload
  inputs:
    - {{source: '{url}/gone', destination: '{{{{ build.Get.inputs[0].destination }}}}', checksum: {sum}}}
- {{name: Unchecked, action: WebDownload, inputs: [{{source: '{url}/abc.bin', destination: new/unchecked, algorithm: MD5}}]}}
- name: Wrong
  action: WebDownload
  inputs:
    - {{source: '{url}/abc.bin?token=secret', destination: wrong, checksum: 00000000000000000000000000000000, algorithm: md5}}
"
    );
    let ran = run(&sandbox, &steps, &[]).failed();
    assert_eq!((sandbox.read("new/folder/one"), sandbox.read("new/abc.bin")), ("abc".to_owned(), "abc".to_owned()));
    assert!(!sandbox.path("wrong").exists());
    assert_snapshot!(ran.stderr.replace(url, "[SERVER]"), @r"
    [build] [Again] new/folder/one has the expected checksum already
    [build] [Unchecked] [SERVER]/abc.bin is not verified, because `checksum` is missing beside `algorithm`
    [build] [Wrong] failed: [SERVER]/abc.bin has the MD5 checksum 900150983cd24fb0d6963f7d28e17f72, not the expected 00000000000000000000000000000000; nothing was kept
    ");
    assert_eq!(server.requests().len(), 5, "a file that has its checksum is not fetched again");
}

#[test]
fn a_web_download_is_attempted_five_times() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/busy" => answer("503 Service Unavailable", ""),
        "/created" => answer("201 Created", "not what was asked for"),
        _ => answer("404 Not Found", ""),
    });
    let sandbox = Sandbox::new();
    sandbox.write("mine", "mine");
    let url = &server.url;
    let steps = format!(
        r"
- {{name: Mine, action: WebDownload, onFailure: Continue, inputs: [{{source: '{url}/gone', destination: mine, overwrite: false}}]}}
- {{name: Gone, action: WebDownload, onFailure: Continue, inputs: [{{source: '{url}/gone', destination: mine}}]}}
- {{name: Created, action: WebDownload, onFailure: Continue, inputs: [{{source: '{url}/created', destination: mine}}]}}
- {{name: Busy, action: WebDownload, onFailure: Continue, inputs: [{{source: '{url}/busy', destination: mine}}]}}
"
    );
    let ran = run(&sandbox, &steps, &[]).failed();
    assert_snapshot!(ran.stderr.replace(url, "[SERVER]"), @r"
    [build] [Mine] failed: mine exists and `overwrite` is false
    [build] [Gone] failed: cannot download [SERVER]/gone: the server answered 404
    [build] [Created] failed: cannot download [SERVER]/created: the server answered 201
    [build] [Busy] cannot download [SERVER]/busy: the server answered 503; trying again
    [build] [Busy] cannot download [SERVER]/busy: the server answered 503; trying again
    [build] [Busy] cannot download [SERVER]/busy: the server answered 503; trying again
    [build] [Busy] cannot download [SERVER]/busy: the server answered 503; trying again
    [build] [Busy] failed: cannot download [SERVER]/busy: the server answered 503
    ");
    let asked = |path: &str| server.requests().iter().filter(|request| request.path == path).count();
    assert_eq!((asked("/gone"), asked("/created"), asked("/busy")), (1, 1, 5));
    assert_eq!(sandbox.read("mine"), "mine");
}
