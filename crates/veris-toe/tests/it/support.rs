//! A folder of its own for every test, and the binary run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What a run answered. Paths of the sandbox are written `[DIR]`.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The binary with the sandbox as its working directory and without the surroundings' AWS settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veris-toe"));
        command.args(arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        // Whatever a test forgets to configure must not leave the machine.
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
        command
    }

    pub(crate) fn veris_toe(&self, arguments: &[&str]) -> Ran {
        self.finish(self.command(arguments).output().unwrap())
    }

    /// Runs one document with a known execution id.
    pub(crate) fn run(&self, document: &str) -> Ran {
        self.write("document.yaml", document);
        self.veris_toe(&["run", "--documents", "document.yaml", "--execution-id", "test"])
    }

    /// Runs steps, given as the entries of a YAML list, as the `build` phase.
    pub(crate) fn run_steps(&self, steps: &str) -> Ran {
        self.run(&document(steps))
    }

    pub(crate) fn finish(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap().replace(self.folder.path().to_str().unwrap(), "[DIR]");
            without_time(&text)
        };
        Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The one folder with logs.
    pub(crate) fn logs(&self) -> PathBuf {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut folders = entries.filter(|path| file_name(path).starts_with("TOE_"));
        let folder = folders.next().expect("the run made a log folder");
        assert_eq!(folders.next(), None);
        folder
    }

    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.logs().join(name)).unwrap()
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn failed(self) -> Self {
        assert_eq!(self.code, 1, "{}\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    pub(crate) fn failure(&self) -> String {
        self.summary()["failureMessage"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn document(steps: &str) -> String {
    let steps: Vec<String> = steps.trim_matches('\n').lines().map(|line| format!("      {line}\n")).collect();
    let steps = steps.concat();
    format!("schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n{steps}")
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Log folders carry the time of the run.
fn without_time(text: &str) -> String {
    let mut cut = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("TOE_").map(|at| at + "TOE_".len()) {
        cut.push_str(&rest[..start]);
        cut.push_str("[TIME]");
        rest = &rest[start + "2026-01-31_23-59-59_UTC-0".len()..];
    }
    cut + rest
}
