//! A real S3 on loopback: `s3s` proves signatures and speaks the protocol, `s3s-fs` keeps objects in a folder.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "hidden";

/// Runs until the tests' process ends.
pub(crate) struct S3 {
    url: String,
    folder: TempDir,
}

impl S3 {
    /// With an empty bucket.
    pub(crate) fn start(bucket: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(bucket)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let service = service.clone();
                    tokio::spawn(async move {
                        let _ = auto::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            });
        });
        Self { url, folder }
    }

    pub(crate) fn variables(&self) -> [(&str, &str); 4] {
        let endpoint = ("AWS_ENDPOINT_URL_S3", self.url.as_str());
        [endpoint, ("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)]
    }

    /// Where an object is kept.
    pub(crate) fn path(&self, object: &str) -> PathBuf {
        self.folder.path().join(object)
    }

    pub(crate) fn write(&self, object: &str, content: &str) {
        let path = self.path(object);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, object: &str) -> String {
        fs::read_to_string(self.path(object)).unwrap()
    }

    /// Keys of a bucket, sorted.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        let root = self.path(bucket);
        let mut waiting = vec![root.clone()];
        let mut keys = Vec::new();
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    keys.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        keys.sort();
        keys
    }
}
