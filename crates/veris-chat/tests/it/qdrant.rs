//! Documents in Qdrant: shared by machines, whole or not there at all, and said so when they cannot be had.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::Ordering;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get as route;
use serde_json::{Value, json};
use veris_chat::{AppState, LibraryStore, QdrantCollection};

use crate::fake_bedrock::{FakeBedrock, says};
use crate::library::{state_with, web};
use crate::pdf::pdf;
use crate::python;
use crate::server::{get, json, post, text};
use crate::web::Web;

const KEY: &str = "key-of-the-test";

/// Qdrant on loopback; ends with the test.
struct Qdrant {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u16,
}

impl Qdrant {
    fn start() -> Result<Self, String> {
        let python = python::with("qdrant-client", "qdrant_client")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/qdrant_server.py");
        let mut command = Command::new(python);
        command.args([script, KEY]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut qdrant = Self { child, commands, answers: BufReader::new(answers), port: 0 };
        qdrant.port = qdrant.line().parse().expect("the server says its port");
        Ok(qdrant)
    }

    fn told(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        serde_json::from_str(&self.line()).unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn collection(&self, key: &str) -> LibraryStore {
        let (url, name) = (format!("http://127.0.0.1:{}", self.port), "veris-chat".to_owned());
        LibraryStore::Qdrant(QdrantCollection { url, name, api_key: Some(key.into()) })
    }
}

impl Drop for Qdrant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server without documents of its own.
fn machine(bedrock: &FakeBedrock, web: &Web, store: LibraryStore) -> AppState {
    let folder = tempfile::tempdir().unwrap();
    state_with(bedrock, web, folder.path(), |settings| settings.library.store = store)
}

fn ask(session: &str, message: &str, url: &str) -> Value {
    json!({"session_id": session, "message": message, "document_urls": [url]})
}

#[tokio::test]
async fn machines_share_documents_and_a_session_sees_its_own_alone() {
    let mut qdrant = match Qdrant::start() {
        Ok(qdrant) => qdrant,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let (web, fetched) = web().await;
    let (url, plants) = (web.url("/animals.pdf").to_string(), web.url("/plants.pdf").to_string());
    let bedrock = FakeBedrock::start((0..4).map(|_| says(&["So it is [1]."]))).await;
    let first = machine(&bedrock, &web, qdrant.collection(KEY));
    assert_eq!(get(&first, "/ready").await.0, StatusCode::OK);
    let answer = json(post(&first, "/chat/", &ask("a", "What do dogs guard?", &url)).await).await;
    assert_eq!(answer["citations"], json!([format!("[animals.pdf (p.2)]({url})")]));
    assert_eq!(
        qdrant.told("indexes"),
        json!({"url": "keyword", "embedding_model": "keyword", "chunk_index": "integer"})
    );

    let second = machine(&bedrock, &web, qdrant.collection(KEY));
    let again = json(post(&second, "/chat/", &ask("b", "What do dogs guard?", &url)).await).await;
    assert_eq!(again["citations"], answer["citations"]);
    assert_eq!(again["sources"], answer["sources"], "a chunk has one id on every machine");
    assert_eq!(fetched.load(Ordering::SeqCst), 1);

    let other = json(post(&second, "/chat/", &ask("c", "What do dogs guard?", &plants)).await).await;
    assert_eq!(other["citations"], json!([format!("[plants.pdf (p.1)]({plants})")]));
    let mut points = qdrant.told("points");
    for point in points.as_array_mut().unwrap() {
        assert_eq!(point["id"], point["chunk_id"]);
        point.as_object_mut().unwrap().retain(|key, _| !key.ends_with("id"));
    }
    points.sort_all_objects();
    points.as_array_mut().unwrap().sort_by_key(ToString::to_string);
    insta::assert_snapshot!(format!("{points:#}").replace(&web.address.to_string(), "[WEB]"));
}

#[tokio::test]
async fn a_document_whose_writing_was_cut_short_is_not_there_and_leaves_nothing_behind() {
    let mut qdrant = match Qdrant::start() {
        Ok(qdrant) => qdrant,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    // Longer than one write when it is read first, and shorter afterwards.
    let pages: Vec<String> = (0..150).map(|page| format!("Page {page} tells of nothing.")).collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    let (long, short) = (pdf(&pages), pdf(&pages[..2]));
    let mut versions = vec![short, long];
    let next = std::sync::Mutex::new(move || versions.pop().unwrap());
    let next = std::sync::Arc::new(next);
    let routes = Router::new().route("/report.pdf", route(move || std::future::ready((next.lock().unwrap())())));
    let web = Web::start(routes).await;
    let url = web.url("/report.pdf").to_string();
    let bedrock = FakeBedrock::start([says(&["Of nothing [1]."])]).await;
    let state = machine(&bedrock, &web, qdrant.collection(KEY));

    qdrant.told("fail 2");
    let refused = post(&state, "/chat/", &ask("a", "Of what?", &url)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text(refused).await.contains("vector_store_unavailable"));
    assert_eq!(qdrant.told("points").as_array().unwrap().len(), 64, "what was written before is of no use");

    let answer = json(post(&state, "/chat/", &ask("a", "Of what?", &url)).await).await;
    assert_eq!(answer["citations"].as_array().unwrap().len(), 1, "{answer}");
    let points = qdrant.told("points");
    let mut indexes: Vec<u64> =
        points.as_array().unwrap().iter().map(|point| point["chunk_index"].as_u64().unwrap()).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1]);
}

#[tokio::test]
async fn a_store_that_refuses_is_told_by_ready_and_taken_again_when_it_answers() {
    let mut qdrant = match Qdrant::start() {
        Ok(qdrant) => qdrant,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let (web, fetched) = web().await;
    let url = web.url("/animals.pdf").to_string();
    let bedrock = FakeBedrock::start((0..4).map(|_| says(&["At night [1]."]))).await;

    let stranger = machine(&bedrock, &web, qdrant.collection("another key"));
    let (status, told) = get(&stranger, "/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.contains("the store of documents fails"), "{told}");
    let plain = json(post(&stranger, "/chat/", &json!({"session_id": "a", "message": "Hi"})).await).await;
    assert_eq!(plain["choices"][0]["message"]["content"], "At night [1].", "without documents nobody needs the store");

    let state = machine(&bedrock, &web, qdrant.collection(KEY));
    json(post(&state, "/chat/", &ask("a", "What do dogs guard?", &url)).await).await;
    qdrant.told("drop");
    let refused = post(&state, "/chat/", &ask("a", "And cats?", &url)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "the collection is gone");
    let answer = json(post(&state, "/chat/", &ask("a", "And cats?", &url)).await).await;
    assert_eq!(answer["citations"].as_array().unwrap().len(), 1, "it was made anew: {answer}");
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
    drop(qdrant);
    assert_eq!(get(&state, "/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
}
