//! Servers that have documents.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use url::Url;
use veris_chat::documents::{Document, Problem, Reader};
use veris_chat::{DocumentSettings, Settings};

/// A web server on loopback, which the reader is told to allow.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
}

impl Web {
    pub(crate) async fn start(routes: Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, routes).into_future());
        Self { address }
    }

    pub(crate) async fn serving(content: Vec<u8>) -> Self {
        Self::start(Router::new().route("/a.pdf", get(move || async move { content }))).await
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// A configuration that lets documents come from here.
    pub(crate) fn config(&self) -> String {
        format!(
            "documents: {{allow_http: true, allow_ports: [{}], allow_networks: [127.0.0.0/8], fetch_seconds: 2, parse_seconds: 2, \
             max_megabytes: 1}}\n",
            self.address.port()
        )
    }

    pub(crate) fn settings(&self) -> DocumentSettings {
        settings(&self.config())
    }

    pub(crate) async fn read(&self, path: &str) -> Result<Document, Problem> {
        let read = Reader::new(self.settings()).read(&self.url(path)).await;
        read.map_err(|error| error.problem().clone())
    }
}

pub(crate) fn settings(config: &str) -> DocumentSettings {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    let settings = Settings::load(Some(&path), |_| None).unwrap().library.documents;
    DocumentSettings { parser: env!("CARGO_BIN_EXE_veris-chat").into(), ..settings }
}
