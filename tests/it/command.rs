//! The built program, run in a project and with a local cloud directory of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::Project;

/// A project and directories that nobody else uses.
pub(crate) struct Sandbox {
    pub(crate) project: Project,
    home: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { project: Project::new(), home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn local_directory(&self) -> PathBuf {
        self.home.path().join("local")
    }

    /// `veris` with these arguments, separated by spaces. Nothing of the caller's settings reaches it.
    pub(crate) fn veris(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veris"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.project.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home.path())
            .env("VERIS_LOCAL_DIR", self.local_directory())
            .env("VERIS_CACHE_DIR", self.home.path().join("cache"))
            .stdin(Stdio::null());
        command
    }

    /// Exit code, stdout and stderr as one text; temporary paths and ports are named.
    pub(crate) fn run(&self, arguments: &str) -> String {
        self.shown(&self.veris(arguments).output().unwrap())
    }

    pub(crate) fn shown(&self, output: &Output) -> String {
        let status = output.status.code().map_or("killed by a signal".to_owned(), |code| code.to_string());
        let text = format!(
            "exit code: {status}\n----- stdout -----\n{}----- stderr -----\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let project = std::fs::canonicalize(self.project.path()).unwrap();
        text.replace(project.to_str().unwrap(), "[PROJECT]").replace(self.home.path().to_str().unwrap(), "[HOME]")
    }

    /// Makes the tool believe that a local cloud runs: this process is named as its daemon, and somebody listens.
    pub(crate) fn listen(&self) -> Listener {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        std::thread::spawn(move || {
            for _ in socket.incoming() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        self.write_endpoint(&format!("http://127.0.0.1:{port}"), std::process::id(), start_time());
        Listener { connections }
    }

    pub(crate) fn write_endpoint(&self, url: &str, pid: u32, start_time: u64) {
        let endpoint = format!(r#"{{"url":"{url}","pid":{pid},"startTime":{start_time}}}"#);
        fs_err::create_dir_all(self.local_directory()).unwrap();
        fs_err::write(self.local_directory().join("endpoint.json"), endpoint).unwrap();
    }
}

/// A port that accepts connections and never answers.
pub(crate) struct Listener {
    connections: Arc<AtomicUsize>,
}

impl Listener {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Field 22 of this process's `/proc/self/stat`.
pub(crate) fn start_time() -> u64 {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(19).unwrap().parse().unwrap()
}
