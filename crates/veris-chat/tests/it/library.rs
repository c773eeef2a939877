//! Answers from documents: read once, found by their words, cited by page.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use veris_chat::{AppState, Settings};

use crate::fake_bedrock::{FakeBedrock, Script, says};
use crate::pdf::pdf;
use crate::server::{client, json, post, readable, text};
use crate::web::Web;

const PAGES: [&str; 3] =
    ["1 Cats\nCats sleep on warm roofs.", "2 Dogs\nDogs guard the house at night.", "3 Birds\nBirds leave in autumn."];

/// The state of a server that keeps its files in this folder.
pub(crate) fn state(bedrock: &FakeBedrock, web: &Web, folder: &Path) -> AppState {
    state_with(bedrock, web, folder, |_| {})
}

pub(crate) fn state_with(
    bedrock: &FakeBedrock,
    web: &Web,
    folder: &Path,
    change: impl FnOnce(&mut Settings),
) -> AppState {
    let config = folder.join("config.yaml");
    std::fs::write(&config, format!("max_tokens: 64\nsystem_prompt: Be brief.\n{}", web.config())).unwrap();
    let directory = |name: &str| (name == "STATE_DIRECTORY").then(|| folder.display().to_string());
    let mut settings = Settings::load(Some(&config), directory).unwrap();
    settings.library.documents.parser = env!("CARGO_BIN_EXE_veris-chat").into();
    change(&mut settings);
    AppState::new(settings, client(bedrock.address)).unwrap()
}

/// Three pages about animals, and how often they were fetched.
pub(crate) async fn web() -> (Web, Arc<AtomicUsize>) {
    let fetched = Arc::new(AtomicUsize::new(0));
    let (counter, content) = (Arc::clone(&fetched), pdf(&PAGES));
    let serve = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { content }
    };
    let plants = pdf(&["1 Trees\nTrees grow slowly."]);
    let routes = Router::new()
        .route("/animals.pdf", get(serve))
        .route("/plants.pdf", get(|| async { plants }))
        .route("/page.html", get(|| async { "<!doctype html><title>x</title>" }));
    (Web::start(routes).await, fetched)
}

fn ask(session: &str, message: &str, documents: &[String]) -> Value {
    json!({"session_id": session, "message": message, "document_urls": documents})
}

/// What the model got as the last message, with the random name of its elements replaced.
fn last_message(bedrock: &FakeBedrock) -> String {
    let call = bedrock.calls().pop().unwrap();
    let message = call.body["messages"].as_array().unwrap().last().unwrap()["content"][0]["text"].clone();
    let message = message.as_str().unwrap();
    match message.split_once("<document-") {
        Some((_, rest)) => message.replace(&rest[..8], "…"),
        None => message.to_owned(),
    }
}

#[tokio::test]
async fn an_answer_cites_the_page_it_is_from_and_no_other() {
    let (web, fetched) = web().await;
    let answer = says(&["They guard the house [", "1]", " and fly [9]."]);
    let bedrock = FakeBedrock::start([answer, says(&["At night."])]).await;
    let folder = tempfile::tempdir().unwrap();
    let state = state(&bedrock, &web, folder.path());
    let documents = [web.url("/animals.pdf?key=secret").to_string()];

    let events = text(post(&state, "/chat/stream/", &ask("a", "What do dogs guard?", &documents)).await).await;
    // How often progress is told depends on how fast it is.
    let events: Vec<&str> = events.split("\n\n").filter(|event| !event.contains("\"indexing ")).collect();
    insta::assert_snapshot!(readable(&events.join("\n\n")).replace(&web.address.to_string(), "[WEB]"));
    insta::assert_snapshot!(last_message(&bedrock));
    assert_eq!(bedrock.embedded()[0].body["input_type"], "search_document");
    assert_eq!(bedrock.embedded()[1].body["input_type"], "search_query");

    // The session remembers its documents; what the model was shown of them is not part of the conversation.
    let document = json(post(&state, "/chat/", &ask("a", "When do they guard it?", &[])).await).await;
    assert_eq!(document["sources"][0]["page"], 2, "{document}");
    assert!(last_message(&bedrock).ends_with("When do they guard it?"));
    let turns = bedrock.calls().pop().unwrap().body["messages"].clone();
    assert_eq!(turns[0]["content"][0]["text"], "What do dogs guard?");
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_session_sees_its_own_documents_alone() {
    let (web, _) = web().await;
    let bedrock = FakeBedrock::start([says(&["ok"]), says(&["[1]"])]).await;
    let folder = tempfile::tempdir().unwrap();
    let state = state(&bedrock, &web, folder.path());
    text(post(&state, "/chat/", &ask("a", "Dogs?", &[web.url("/animals.pdf").to_string()])).await).await;
    let other = json(post(&state, "/chat/", &ask("b", "What do dogs guard?", &[])).await).await;
    assert_eq!((&other["sources"], &other["citations"]), (&json!([]), &json!([])));
    assert_eq!(other["choices"][0]["message"]["content"], "[1]", "without documents brackets mean nothing");
    assert_eq!(last_message(&bedrock), "What do dogs guard?");
}

#[tokio::test]
async fn a_document_is_read_once_for_everybody_and_outlives_the_process() {
    let (web, fetched) = web().await;
    let bedrock = FakeBedrock::start((0..5).map(|_| says(&["ok [1]"]))).await;
    let folder = tempfile::tempdir().unwrap();
    let url = web.url("/animals.pdf").to_string();
    {
        let state = state(&bedrock, &web, folder.path());
        let asked: Vec<_> = (0..4)
            .map(|session| {
                let (state, body) = (state.clone(), ask(&session.to_string(), "Birds?", std::slice::from_ref(&url)));
                tokio::spawn(async move { json(post(&state, "/chat/", &body).await).await })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap()["citations"], json!([format!("[animals.pdf (p.3)]({url})")]));
        }
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    let again = state(&bedrock, &web, folder.path());
    let answer = json(post(&again, "/chat/", &ask("0", "Cats?", &[])).await).await;
    assert_eq!(answer["citations"], json!([format!("[animals.pdf (p.1)]({url})")]));
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_told_and_leaves_the_session_as_it_was() {
    let (web, _) = web().await;
    let bedrock = FakeBedrock::start([says(&["Hello."])]).await;
    let folder = tempfile::tempdir().unwrap();
    let state = state(&bedrock, &web, folder.path());
    let page = [web.url("/page.html?key=secret").to_string()];
    let refused = post(&state, "/chat/", &ask("a", "Hi", &page)).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = text(refused).await.replace(&web.address.to_string(), "[WEB]");
    insta::assert_snapshot!(refused, @r#"{"error":{"message":"`http://[WEB]/page.html` cannot be read: it is a web page: send the URL of the PDF itself","type":"document_error","code":"document_not_pdf"}}"#);
    let metadata = ["http://169.254.169.254/latest/meta-data/".to_owned()];
    let refused = text(post(&state, "/chat/stream/", &ask("a", "Hi", &metadata)).await).await;
    assert!(refused.contains("document_not_public"), "{refused}");
    let nonsense = post(&state, "/chat/", &ask("a", "Hi", &["not a url with a secret".to_owned()])).await;
    assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
    assert!(!text(nonsense).await.contains("secret"));
    let long = [format!("https://example.org/a.pdf?key={}", "secret".repeat(700))];
    let refused = json(post(&state, "/chat/", &ask("a", "Hi", &long)).await).await;
    assert_eq!(refused["error"]["message"], "entry 1 of `document_urls` has more than 4096 bytes");

    text(post(&state, "/chat/", &ask("a", "Hello", &[])).await).await;
    assert_eq!(last_message(&bedrock), "Hello");
    assert_eq!(bedrock.calls()[0].body["messages"].as_array().unwrap().len(), 1, "the failed turn left no trace");
}

#[tokio::test]
async fn a_denied_embedding_model_is_named_with_its_cure() {
    let (web, _) = web().await;
    let bedrock = FakeBedrock::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let state = state_with(&bedrock, &web, folder.path(), |settings| {
        settings.library.embedding_model_id = "cohere.denied".to_owned();
    });
    let refused = post(&state, "/chat/", &ask("a", "Hi", &[web.url("/animals.pdf").to_string()])).await;
    assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
    let refused = json(refused).await;
    insta::assert_snapshot!(refused["error"]["message"].as_str().unwrap(), @"the organisation's policy denies the embedding model `cohere.denied` in us-east-1, so documents cannot be searched: allow bedrock:InvokeModel on it, or set EMBEDDING_MODEL_ID, for example to `us.cohere.embed-v4:0`");
}

#[tokio::test]
async fn passages_give_way_where_the_model_has_no_room_for_them() {
    let (web, _) = web().await;
    let too_long = Script::Refuse {
        status: 400,
        code: "ValidationException",
        message: "prompt is too long: 203884 tokens > 200000 maximum",
    };
    let bedrock = FakeBedrock::start([too_long, says(&["[1][2]"]), says(&["[1][2]"])]).await;
    let folder = tempfile::tempdir().unwrap();
    let documents = [web.url("/animals.pdf").to_string()];
    let sources = |answer: &Value| answer["sources"].as_array().unwrap().len();

    let state = state(&bedrock, &web, folder.path());
    let answer = json(post(&state, "/chat/", &ask("a", "Dogs?", &documents)).await).await;
    assert_eq!((sources(&answer), answer["citations"].as_array().unwrap().len()), (1, 1), "{answer}");
    assert_eq!(last_message(&bedrock).matches("id=").count(), 1);

    drop(state);
    let state = state_with(&bedrock, &web, folder.path(), |settings| {
        settings.model.context_tokens = 200.try_into().unwrap();
    });
    let answer = json(post(&state, "/chat/", &ask("b", "Dogs?", &documents)).await).await;
    assert_eq!(sources(&answer), 1, "{answer}");
}

#[tokio::test]
async fn a_session_goes_on_without_a_document_that_is_gone() {
    let mut content = Some(pdf(&PAGES));
    let once = std::sync::Mutex::new(move || content.take().ok_or(StatusCode::GONE));
    let once = Arc::new(once);
    let serve = move || std::future::ready((once.lock().unwrap())());
    let web = Web::start(Router::new().route("/animals.pdf", get(serve))).await;
    let bedrock = FakeBedrock::start((0..3).map(|_| says(&["ok"]))).await;
    let folder = tempfile::tempdir().unwrap();
    let url = web.url("/animals.pdf").to_string();
    let before = state(&bedrock, &web, folder.path());
    json(post(&before, "/chat/", &ask("a", "Cats?", std::slice::from_ref(&url))).await).await;
    drop(before);

    // Its library is lost, and the web has no document for a second time.
    for name in ["documents.db", "documents.db-wal", "documents.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    let after = state(&bedrock, &web, folder.path());
    let events = text(post(&after, "/chat/stream/", &ask("a", "And dogs?", &[])).await).await;
    assert!(events.contains("going on without animals.pdf: "), "{events}");
    assert!(events.contains("[DONE]") && !events.contains("\"error\""), "{events}");
    let refused = post(&after, "/chat/", &ask("b", "Cats?", &[url])).await;
    assert_eq!(refused.status(), StatusCode::BAD_GATEWAY, "what is asked for now must be there");
}
