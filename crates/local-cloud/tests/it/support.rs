//! A local cloud in a temporary directory, and a client that signs its own requests.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use local_cloud::compute::Compute;
use local_cloud::layout::Layout;
use local_cloud::parent_image::{Boot, Parent};
use local_cloud::state::{Address, Association, Image, ImageState, Instance, InstanceState, Session, Snapshot, State};
use local_cloud::store::Store;
use local_cloud::{Cloud, Credentials, Endpoint, Options, ServeError};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// One running local cloud. Its files are gone with it.
pub(crate) struct Sandbox {
    pub(crate) layout: Layout,
    pub(crate) url: String,
    directory: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Sandbox {
    pub(crate) async fn start() -> Self {
        Self::with_state(|_| {}).await
    }

    /// Starts with resources that somebody made before.
    pub(crate) async fn with_state(make: impl FnOnce(&mut State)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let layout = layout(&directory);
        fs_err::create_dir_all(&layout.directory).unwrap();
        let store = Store::open(layout.state()).unwrap();
        store
            .change(|state| {
                make(state);
                Ok(())
            })
            .unwrap();
        Self::open(directory, false).await
    }

    /// Starts a cloud in which requests may ask for faults.
    pub(crate) async fn with_faults() -> Self {
        Self::open(tempfile::tempdir().unwrap(), true).await
    }

    /// Starts with files in this place.
    pub(crate) async fn below(place: &std::path::Path) -> Self {
        Self::open(tempfile::tempdir_in(place).unwrap(), false).await
    }

    /// Starts a cloud that puts this component runner into its build instances.
    pub(crate) async fn with_runner(runner: PathBuf) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { toe: runner, ..options(&layout(&directory), None) };
        Self::serve(directory, options).await
    }

    async fn open(directory: tempfile::TempDir, faults: bool) -> Self {
        let options = Options { faults, ..options(&layout(&directory), None) };
        Self::serve(directory, options).await
    }

    async fn serve(directory: tempfile::TempDir, options: Options) -> Self {
        let layout = layout(&directory);
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(local_cloud::serve(options, async {
            let _ = stopped.await;
        }));
        let url = loop {
            if let Some(endpoint) = Endpoint::read(&layout) {
                break endpoint.url;
            }
            assert!(!served.is_finished(), "the local cloud did not start: {:?}", served.await);
            tokio::task::yield_now().await;
        };
        Self { layout, url, directory, stop, served }
    }

    /// Stops; the files stay for [`Stopped::start`].
    pub(crate) async fn stop(self) -> Stopped {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
        Stopped { layout: self.layout, directory: self.directory }
    }

    pub(crate) fn operator(&self) -> Client {
        let credentials = Credentials::load_or_create(&self.layout).unwrap();
        Client {
            url: self.url.clone(),
            key: credentials.access_key_id,
            secret: credentials.secret_access_key,
            token: None,
            date: Timestamp::now(),
            region: "ap-southeast-2",
        }
    }

    /// The role's credentials as [`session`] made them.
    pub(crate) fn instance(&self) -> Client {
        let session = session(Timestamp::now());
        Client {
            key: session.access_key_id,
            secret: session.secret_access_key,
            token: Some(session.token),
            ..self.operator()
        }
    }
}

/// A local cloud that was stopped.
pub(crate) struct Stopped {
    pub(crate) layout: Layout,
    directory: tempfile::TempDir,
}

impl Stopped {
    pub(crate) async fn start(self) -> Sandbox {
        Sandbox::open(self.directory, false).await
    }
}

fn layout(directory: &tempfile::TempDir) -> Layout {
    Layout { directory: directory.path().join("local"), cache: directory.path().join("cache") }
}

/// Options with a parent image that is nothing but the header of a qcow2 disk of 8 GiB.
pub(crate) fn options(layout: &Layout, port: Option<u16>) -> Options {
    let digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".to_owned();
    let directory = layout.parents().join(&digest);
    fs_err::create_dir_all(&directory).unwrap();
    let disk = directory.join("disk.qcow2");
    let mut header = b"QFI\xfb\0\0\0\x03".to_vec();
    header.resize(24, 0);
    header.extend((8_u64 << 30).to_be_bytes());
    fs_err::write(&disk, header).unwrap();
    let boot = Boot::Kernel { kernel: directory.join("vmlinuz"), initrd: directory.join("initrd") };
    let parent = Parent { digest, directory, disk, boot };
    Options {
        layout: layout.clone(),
        port,
        toe: PathBuf::from("veris-toe"),
        pipe: vec!["true".into()],
        parent,
        faults: false,
    }
}

/// A cloud that nobody serves, for its handlers alone: what its state says stays so, whether or not there is such a guest.
pub(crate) fn unserved(make: impl FnOnce(&mut State)) -> (Arc<Cloud>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(&directory);
    fs_err::create_dir_all(&layout.directory).unwrap();
    let store = Arc::new(Store::open(layout.state()).unwrap());
    let prepared = store.change(|state| {
        make(state);
        Ok(())
    });
    prepared.unwrap();
    let credentials = Credentials::load_or_create(&layout).unwrap();
    let options = options(&layout, None);
    let compute = Arc::new(Compute::new(Arc::clone(&store), layout.clone(), options.parent, options.pipe));
    (Arc::new(Cloud::new(store, layout, compute, credentials, options.toe).unwrap()), directory)
}

/// Signs and sends requests.
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) date: Timestamp,
    pub(crate) region: &'static str,
}

/// A request before it is signed.
pub(crate) struct Unsigned<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    /// Path, and query in canonical form.
    pub(crate) target: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Status and text of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// Status and text, with the request id blotted out.
    pub(crate) fn shown(&self) -> String {
        let mut text = self.text();
        for (open, close) in [("<requestId>", "<"), ("<RequestID>", "<"), ("<RequestId>", "<")] {
            if let Some(from) = text.find(open).map(|at| at + open.len()) {
                let length = text[from..].find(close).unwrap();
                text.replace_range(from..from + length, "…");
            }
        }
        format!("{}\n{}", self.status, text.replace("><", ">\n<"))
    }

    /// The text of the first element of that name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(value, _)| value.to_owned())
    }

    /// The error's code, in whichever protocol.
    pub(crate) fn code(&self) -> String {
        let header = self.headers.get("x-amzn-errortype").map(|code| code.to_str().unwrap().to_owned());
        let json =
            || serde_json::from_slice::<serde_json::Value>(&self.body).ok()?["__type"].as_str().map(str::to_owned);
        header.or_else(json).or_else(|| self.element("Code")).unwrap_or_default()
    }
}

impl Client {
    /// A call of EC2; `parameters` is the form, such as `Owner.1=self`.
    pub(crate) async fn ec2(&self, action: &str, parameters: &str) -> Answer {
        self.form("ec2", &format!("Action={action}&Version=2016-11-15&{parameters}")).await
    }

    pub(crate) async fn form(&self, service: &str, form: &str) -> Answer {
        let kind = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
        let (headers, body) = (vec![("content-type", kind)], form.as_bytes().to_vec());
        self.send(Unsigned { service, method: "POST", target: "/", headers, body }).await
    }

    pub(crate) async fn ssm(&self, operation: &str, input: serde_json::Value) -> Answer {
        self.json("ssm", format!("AmazonSSM.{operation}"), &input).await
    }

    pub(crate) async fn secrets(&self, operation: &str, input: serde_json::Value) -> Answer {
        self.json("secretsmanager", format!("secretsmanager.{operation}"), &input).await
    }

    async fn json(&self, service: &str, operation: String, input: &serde_json::Value) -> Answer {
        let kind = "application/x-amz-json-1.1".to_owned();
        let headers = vec![("content-type", kind), ("x-amz-target", operation)];
        let body = input.to_string().into_bytes();
        self.send(Unsigned { service, method: "POST", target: "/", headers, body }).await
    }

    /// One call of each protocol that changes nothing, with this fault asked for.
    pub(crate) async fn unlucky(&self, service: &str, fault: &str) -> Option<Answer> {
        let form = |form: &str| ("/", "application/x-www-form-urlencoded", form.as_bytes().to_vec());
        let (target, kind, body) = match service {
            "ec2" => form("Action=DescribeAddresses&Version=2016-11-15"),
            "sts" => form("Action=GetCallerIdentity&Version=2011-06-15"),
            "ssm" => ("/", "application/x-amz-json-1.1", br#"{"Path":"/"}"#.to_vec()),
            "imagebuilder" => ("/ListComponents", "application/json", b"{}".to_vec()),
            _ => ("/", "", Vec::new()),
        };
        let method = if service == "s3" { "GET" } else { "POST" };
        let mut headers = vec![("content-type", kind.to_owned()), ("x-local-cloud-fault", fault.to_owned())];
        match service {
            "ssm" => headers.push(("x-amz-target", "AmazonSSM.GetParametersByPath".to_owned())),
            "s3" => headers.push(("x-amz-content-sha256", hash(&body))),
            _ => {}
        }
        attempt(&self.url, self.sign(Unsigned { service, method, target, headers, body })).await
    }

    pub(crate) async fn s3(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        self.s3_with(method, target, &hash(body), body).await
    }

    /// With what the header says about the body.
    pub(crate) async fn s3_with(&self, method: &str, target: &str, hash: &str, body: &[u8]) -> Answer {
        let headers = vec![("x-amz-content-sha256", hash.to_owned())];
        self.send(Unsigned { service: "s3", method, target, headers, body: body.to_vec() }).await
    }

    pub(crate) async fn send(&self, request: Unsigned<'_>) -> Answer {
        exchange(&self.url, self.sign(request)).await
    }

    fn scope(&self, service: &str) -> String {
        format!("{}/{}/{service}/aws4_request", self.date.strftime("%Y%m%d"), self.region)
    }

    /// Signs what follows the scope in a string to sign.
    pub(crate) fn signature(&self, service: &str, algorithm: &str, rest: &str) -> String {
        let (date, scope) = (self.date.strftime("%Y%m%dT%H%M%SZ"), self.scope(service));
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(first, |key, word| mac(&key, word));
        hex::encode(mac(&key, &format!("{algorithm}\n{date}\n{scope}\n{rest}")))
    }

    pub(crate) fn sign(&self, request: Unsigned<'_>) -> hyper::Request<Full<Bytes>> {
        let date = self.date.strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut headers = request.headers;
        headers.push(("host", self.url.trim_start_matches("http://").to_owned()));
        headers.push(("x-amz-date", date.clone()));
        headers.extend(self.token.clone().map(|token| ("x-amz-security-token", token)));
        headers.sort();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines = headers.iter().fold(String::new(), |mut lines, (name, value)| {
            writeln!(lines, "{name}:{value}").unwrap();
            lines
        });
        let stated = headers.iter().find(|(name, _)| *name == "x-amz-content-sha256");
        let payload = stated.map_or_else(|| hash(&request.body), |(_, value)| value.clone());
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        // Every service but S3 encodes the path a second time.
        let path = if request.service == "s3" { path.to_owned() } else { path.replace('%', "%25") };
        let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{payload}", request.method);
        let scope = self.scope(request.service);
        let signature = self.signature(request.service, "AWS4-HMAC-SHA256", &hash(canonical.as_bytes()));
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.key);
        let mut signed = hyper::Request::builder().method(request.method).uri(request.target);
        for (name, value) in headers {
            signed = signed.header(name, value);
        }
        signed.header("authorization", authorization).body(Full::new(request.body.into())).unwrap()
    }
}

/// Sends a request as it is, over a connection of its own.
pub(crate) async fn exchange(url: &str, request: hyper::Request<Full<Bytes>>) -> Answer {
    attempt(url, request).await.unwrap()
}

/// `None` where the connection ends without an answer.
async fn attempt(url: &str, request: hyper::Request<Full<Bytes>>) -> Option<Answer> {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    drop(sender);
    let _ = driver.await.unwrap();
    Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn noon() -> Timestamp {
    "2026-08-22T12:00:00Z".parse().unwrap()
}

/// `veris-chat` 1.2.0 as a bake leaves it: an AMI and its snapshot.
pub(crate) fn baked(state: &mut State) {
    let tags: std::collections::BTreeMap<_, _> =
        [("veris:service", "veris-chat"), ("veris:version", "1.2.0")].map(|(k, v)| (k.into(), v.into())).into();
    let image = Image {
        image_id: "ami-0a0a0a0a0a0a0a0a0".into(),
        name: "veris-chat/1.2.0".into(),
        description: "veris-chat <1.2.0> & its unit".into(),
        state: ImageState::Available,
        created: noon(),
        snapshot_id: "snap-0b0b0b0b0b0b0b0b0".into(),
        root_device: "/dev/xvda".into(),
        volume_gib: 30,
        owner: "000000000000".into(),
        parent: "00112233".into(),
        tags: tags.clone(),
        ..Image::default()
    };
    let snapshot = Snapshot {
        snapshot_id: image.snapshot_id.clone(),
        image_id: image.image_id.clone(),
        volume_gib: 30,
        created: noon(),
        description: "Created by CreateImage".into(),
        tags,
        ..Snapshot::default()
    };
    state.images.insert(image.image_id.clone(), image);
    state.snapshots.insert(snapshot.snapshot_id.clone(), snapshot);
}

/// An instance of the baked image, stopped, so that no guest is looked for.
pub(crate) fn launched(state: &mut State) {
    baked(state);
    let instance = Instance {
        instance_id: "i-0c0c0c0c0c0c0c0c0".into(),
        image_id: "ami-0a0a0a0a0a0a0a0a0".into(),
        instance_type: "t3.medium".into(),
        state: InstanceState::Stopped,
        state_reason: Some(("Client.UserInitiatedShutdown".into(), "User initiated (2026-08-22 12:00:00 GMT)".into())),
        launched: noon(),
        terminated: None,
        address: [127, 0, 0, 77].into(),
        volume_id: "vol-0d0d0d0d0d0d0d0d0".into(),
        volume_gib: 30,
        kms_key: None,
        volume_tags: [("Name".to_owned(), "root".to_owned())].into(),
        key_name: None,
        security_groups: vec!["sg-00000000000000000".into()],
        subnet_id: "subnet-00000000000000000".into(),
        instance_profile: Some("local-instance-profile".into()),
        http_put_response_hop_limit: 1,
        client_token: Some("token-1".into()),
        request_digest: String::new(),
        agent: false,
        tags: [("veris:version".to_owned(), "1.2.0".to_owned())].into(),
    };
    state.instances.insert(instance.instance_id.clone(), instance);
}

/// An Elastic IP on [`launched`]'s instance.
pub(crate) fn addressed(state: &mut State) {
    launched(state);
    let association =
        Association { association_id: "eipassoc-0e0e0e0e0e0e0e0e0".into(), instance_id: "i-0c0c0c0c0c0c0c0c0".into() };
    let address = Address {
        allocation_id: "eipalloc-0f0f0f0f0f0f0f0f0".into(),
        public_ip: [127, 0, 0, 99].into(),
        association: Some(association),
        tags: [("veris:service".to_owned(), "veris-chat".to_owned())].into(),
    };
    state.addresses.insert(address.allocation_id.clone(), address);
}

/// Temporary credentials of [`launched`]'s instance that are good for an hour after `now`.
pub(crate) fn session(now: Timestamp) -> Session {
    Session {
        access_key_id: "ASIAAAAAAAAAAAAAAAAA".into(),
        secret_access_key: "a-secret".into(),
        token: "a-token".into(),
        role: "local-role".into(),
        instance_id: "i-0c0c0c0c0c0c0c0c0".into(),
        expires: now + jiff::SignedDuration::from_hours(1),
    }
}

/// State with the session of [`Sandbox::instance`].
pub(crate) fn in_session(state: &mut State) {
    let session = session(Timestamp::now());
    state.sessions.insert(session.access_key_id.clone(), session);
}
