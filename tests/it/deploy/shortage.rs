//! AWS has no machine of the type, or an answer is lost on the way: there is one instance in the end, or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use local_cloud::layout::Layout;
use serde_json::Value;
use veris::aws::Clients;
use veris::commands::launch::Launch;
use veris::environment::InstanceTypes;

use super::operator::{Operator, fast};
use crate::stand_in::Cloud;

/// Type, subnet and state of every instance that was ever made.
fn instances(cloud: &Cloud) -> Vec<String> {
    let state = cloud.state();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |it: &Value| format!("{} {} {}", text(&it["instance_type"]), text(&it["subnet_id"]), text(&it["state"]));
    let mut all: Vec<String> = state["instances"].as_object().unwrap().values().map(of).collect();
    all.sort();
    all
}

fn lack(cloud: &Cloud, limits: &Value) {
    fs_err::write(cloud.layout().capacity(), limits.to_string()).unwrap();
}

const ONE: &str = "subnet-0123456789abcdef0";
const OTHER: &str = "subnet-0123456789abcdef1";

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_machine_the_next_place_is_tried() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0", "1.2.0"]) else { return };
    let mut ada = Operator::of(&cloud).await;
    let settings = ada.env_file();
    lack(&cloud, &serde_json::json!({"t3.medium": 0}));
    let launched = cloud.veris(&["launch", "1.0.0", "--env-file", &settings, "--soak", "0"]).output().unwrap();
    let told = crate::stand_in::talk(&launched);
    assert!(launched.status.success() && told.contains("There is no t3.medium to be had"), "{told}");
    assert_eq!(instances(&cloud), ["t3a.medium subnet-00000000000000000 running"]);

    ada.context.environment.instance_types =
        InstanceTypes { first: "t3.medium".to_owned(), others: vec!["m5.large".to_owned()] };
    ada.context.environment.subnets = vec![ONE.to_owned(), OTHER.to_owned()];
    lack(&cloud, &serde_json::json!({"t3.medium": 0, ONE: 0}));
    ada.launch(&fast("1.1.0")).await.unwrap();
    assert_eq!(
        instances(&cloud),
        [format!("m5.large {OTHER} running"), "t3a.medium subnet-00000000000000000 running".to_owned()]
    );

    lack(&cloud, &serde_json::json!({ONE: 0, OTHER: 1}));
    let error = veris::error::Report::new(&ada.launch(&fast("1.2.0")).await.unwrap_err()).to_string();
    assert!(error.contains(&format!("as m5.large in {OTHER}: InsufficientInstanceCapacity")), "{error}");
    assert!(error.contains("no instance was left") && error.contains("`instance_types`"), "{error}");
    assert_eq!(instances(&cloud).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_quota_is_full_nothing_is_left_and_the_live_one_serves() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0", "1.1.0"]) else { return };
    let ada = Operator::of(&cloud).await;
    let first = ada.launch(&fast("1.0.0")).await.unwrap();
    lack(&cloud, &serde_json::json!({"vcpus": 3}));
    let error = veris::error::Report::new(&ada.launch(&fast("1.1.0")).await.unwrap_err()).to_string();
    assert!(error.contains("VcpuLimitExceeded") && error.contains("no instance was left"), "{error}");
    assert!(error.contains("hint: the account's quota is used up; terminate instances or ask for more"), "{error}");
    assert_eq!(instances(&cloud).len(), 1, "what is refused for good is not tried elsewhere");
    assert_eq!(Operator::holder(&cloud), first.instance_id);
    assert_eq!(Operator::deployments(&cloud), [Some("live".to_owned()), Some("undone".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_answer_nothing_else_is_tried_and_the_instance_is_found() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let mut ada = Operator::of(&cloud).await;
    let losses = Arc::new(AtomicU32::new(1));
    let lossy = Lossy::before(&cloud, &losses).await;
    ada.context.clients = lossy.clients(&ada).await;

    // The answer is lost, the call is repeated, and answers the instance that is there.
    ada.launch(&fast("1.0.0")).await.unwrap();
    assert_eq!(losses.load(Ordering::SeqCst), 0);
    assert_eq!(instances(&cloud).len(), 1);

    // It is lost for good: the instance of the first place is found by its tag, and taken back.
    losses.store(u32::MAX, Ordering::SeqCst);
    let again = Launch { force: true, ..fast("1.0.0") };
    let error = format!("{:#}", ada.launch(&again).await.unwrap_err());
    assert!(error.contains("the launch failed; instance i-") && error.contains("was terminated"), "{error}");
    let all = instances(&cloud);
    assert!(all.len() == 2 && all.iter().all(|it| it.starts_with("t3.medium ")), "{all:?}");
    assert_eq!(Operator::running(&cloud).len(), 1);

    // EC2 refused, but nobody heard it: it might as well have made one, so no other type is tried.
    lack(&cloud, &serde_json::json!({"t3.medium": 0}));
    ada.launch(&again).await.unwrap_err();
    assert_eq!(instances(&cloud), all);
}

/// Passes calls on to the cloud, and loses that many answers to `RunInstances`.
struct Lossy {
    directory: tempfile::TempDir,
    server: tokio::task::JoinHandle<()>,
}

impl Lossy {
    async fn before(cloud: &Cloud, losses: &Arc<AtomicU32>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let layout = cloud.layout();
        fs_err::copy(layout.credentials(), directory.path().join("credentials.json")).unwrap();
        let mut endpoint: Value = serde_json::from_slice(&fs_err::read(layout.endpoint()).unwrap()).unwrap();
        let cloud = endpoint["url"].as_str().unwrap().trim_end_matches('/').to_owned();
        endpoint["url"] = format!("http://{}", listener.local_addr().unwrap()).into();
        fs_err::write(directory.path().join("endpoint.json"), endpoint.to_string()).unwrap();
        let losses = Arc::clone(losses);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (cloud, losses) = (cloud.clone(), Arc::clone(&losses));
                let service = hyper::service::service_fn(move |call| pass_on(cloud.clone(), Arc::clone(&losses), call));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    // Whose answer was lost sees the connection break.
                    let _ = connection.await;
                });
            }
        });
        Self { directory, server }
    }

    async fn clients(&self, operator: &Operator) -> Clients {
        let directory = self.directory.path().to_owned();
        let layout = Layout { cache: directory.clone(), directory };
        Clients::of_local_cloud(&layout, &operator.context.environment).await.unwrap()
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass_on(
    cloud: String,
    losses: Arc<AtomicU32>,
    call: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, String> {
    let (mut head, body) = call.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let is_run = body.windows(19).any(|window| window == b"Action=RunInstances");
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    head.uri = format!("{cloud}{path}").parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let answer = client.request(Request::from_parts(head, Full::new(body))).await.map_err(|error| error.to_string())?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let is_lost = is_run && losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if is_lost { Err("lost".to_owned()) } else { Ok(Response::from_parts(head, Full::new(body))) }
}
