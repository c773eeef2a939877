//! A chat server in process, whose Bedrock says what a target wants it to say.

pub mod bedrock;
pub mod contract;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use veris_chat::{AppState, Settings, app};

use crate::bedrock::Stage;

/// What a client got.
pub struct Answered {
    pub status: StatusCode,
    pub body: String,
    /// What Bedrock was asked, if it was.
    pub asked: Option<Value>,
}

struct Server {
    runtime: Runtime,
    app: Router,
    stage: Arc<Mutex<Stage>>,
}

thread_local! {
    static SERVER: Server = Server::new();
}

impl Server {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime starts");
        let stage = Arc::default();
        let directory = tempfile::tempdir().expect("a folder can be made");
        let config = directory.path().join("config.yaml");
        std::fs::write(&config, "session_store: memory\n").expect("a file can be written");
        let settings = Settings::load(Some(&config), |_| None).expect("the settings are valid");
        let state = AppState::new(settings, bedrock::client(Arc::clone(&stage))).expect("the memory can be opened");
        Self { runtime, app: app(state), stage }
    }
}

/// Sends `body` to the server; Bedrock answers with `chunks`.
pub fn ask(path: &str, body: &[u8], chunks: Vec<Bytes>) -> Answered {
    SERVER.with(|server| {
        *server.stage.lock().expect("nobody panics with it") = Stage { chunks, asked: None };
        let request = Request::post(path).header("content-type", "application/json").body(Body::from(body.to_vec()));
        let (status, body) = server.runtime.block_on(async {
            let answer = server.app.clone().oneshot(request.expect("a request")).await.expect("infallible");
            let status = answer.status();
            (status, answer.into_body().collect().await.expect("the stream ends well").to_bytes())
        });
        let asked = server.stage.lock().expect("nobody panics with it").asked.take();
        let asked = asked.map(|bytes| serde_json::from_slice(&bytes).expect("the SDK sends JSON"));
        Answered { status, body: String::from_utf8(body.to_vec()).expect("answers are UTF-8"), asked }
    })
}
