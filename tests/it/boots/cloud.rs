//! One local cloud in a directory of its own, driven through the `veris` program.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::processes;

pub(crate) struct Cloud {
    directory: TempDir,
}

impl Cloud {
    /// Starts a cloud, or says why no guest can run here.
    pub(crate) fn up() -> Option<Self> {
        for tool in ["qemu-system-x86_64", "qemu-img", "mmdebstrap", "mkfs.ext4", "ssh"] {
            if !on_path(tool) {
                let required = std::env::var_os("VERIS_REQUIRE_GUESTS").is_some();
                assert!(!required, "guests are required, but `{tool}` is not installed");
                eprintln!("skipped: `{tool}` is not installed; `cargo demo` installs what guests need");
                return None;
            }
        }
        let cloud = Self { directory: tempfile::Builder::new().prefix("veris-").tempdir().unwrap() };
        cloud.json(&["local", "up"]);
        Some(cloud)
    }

    /// Runs a command that must succeed, and answers its data.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let begin = Instant::now();
        let output = self.veris(arguments).args(["--output", "json"]).output().unwrap();
        eprintln!("veris {}: {:.1} s", arguments.join(" "), begin.elapsed().as_secs_f64());
        assert!(output.status.success(), "`veris {}` failed:\n{}{}", arguments.join(" "), talk(&output), self.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that must succeed and whose data has a form of its own, and answers that.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let begin = Instant::now();
        let output = self.veris(arguments).output().unwrap();
        eprintln!("veris {}: {:.1} s", arguments.join(" "), begin.elapsed().as_secs_f64());
        assert!(output.status.success(), "`veris {}` failed:\n{}{}", arguments.join(" "), talk(&output), self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail with this exit code, and answers what it said.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.veris(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "`veris {}`:\n{}", arguments.join(" "), talk(&output));
        assert!(output.stdout.is_empty(), "a failure must print no data");
        talk(&output)
    }

    /// Runs the stock AWS CLI with the exports of `veris local env`; `None` where it is not installed.
    pub(crate) fn aws(&self, arguments: &[&str]) -> Option<Value> {
        if !on_path("aws") {
            assert!(std::env::var_os("VERIS_REQUIRE_GUESTS").is_none(), "the AWS CLI is required, but not installed");
            eprintln!("skipped: the AWS CLI is not installed");
            return None;
        }
        let command = format!("eval \"$({} local env)\" && aws --output json {}", veris(), quoted(arguments));
        let output = self.in_cloud(Command::new("bash").args(["-c", &command])).output().unwrap();
        assert!(output.status.success(), "aws {arguments:?}: {}", talk(&output));
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Where the control plane listens.
    pub(crate) fn endpoint(&self) -> String {
        let endpoint = std::fs::read(self.local().join("endpoint.json")).unwrap();
        let endpoint: Value = serde_json::from_slice(&endpoint).unwrap();
        endpoint["url"].as_str().unwrap().to_owned()
    }

    /// The operator's access key and its secret.
    pub(crate) fn keys(&self) -> (String, String) {
        let keys = std::fs::read(self.local().join("credentials.json")).unwrap();
        let keys: Value = serde_json::from_slice(&keys).unwrap();
        let key = |name: &str| keys[name].as_str().unwrap().to_owned();
        (key("accessKeyId"), key("secretAccessKey"))
    }

    /// Writes a `.env` and answers its path.
    pub(crate) fn env_file(&self, text: &str) -> String {
        let path = self.directory.path().join("test.env");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// For how long from its start on an instance's metadata service is silent.
    pub(crate) fn slow_metadata(&self, seconds: Option<u32>) {
        let path = self.local().join("metadata.json");
        match seconds {
            Some(seconds) => std::fs::write(path, json!({ "silentSeconds": seconds }).to_string()).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }

    pub(crate) fn state(&self) -> String {
        std::fs::read_to_string(self.local().join("state.json")).unwrap()
    }

    /// ARNs of every Image Builder resource.
    pub(crate) fn image_builder_names(&self) -> Vec<String> {
        let state: Value = serde_json::from_str(&self.state()).unwrap();
        let mut names = Vec::new();
        for kind in ["components", "recipes", "images"] {
            names.extend(state["image_builder"][kind].as_object().unwrap().keys().cloned());
        }
        names
    }

    /// Ids of the guests that are neither stopped nor terminated.
    pub(crate) fn running_guests(&self) -> Vec<String> {
        let status = self.json(&["local", "status"]);
        let running = |guest: &&Value| guest["state"] == "running" || guest["state"] == "pending";
        let ids = status["guests"].as_array().unwrap().iter().filter(running);
        ids.map(|guest| guest["instanceId"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn wait_for_state(&self, instance_id: &str, state: &str) {
        let begin = Instant::now();
        loop {
            let answer = self.aws(&["ec2", "describe-instances", "--instance-ids", instance_id]).unwrap();
            let now = answer["Reservations"][0]["Instances"][0]["State"]["Name"].as_str().unwrap().to_owned();
            if now == state {
                return;
            }
            assert!(begin.elapsed() < Duration::from_mins(3), "{instance_id} is still {now}, not {state}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    pub(crate) fn kill_control_plane(&self) {
        let endpoint: Value =
            serde_json::from_slice(&std::fs::read(self.local().join("endpoint.json")).unwrap()).unwrap();
        processes::kill(i32::try_from(endpoint["pid"].as_i64().unwrap()).unwrap());
    }

    pub(crate) fn kill_guest(&self, instance_id: &str) {
        let directory = self.local().join("instances").join(instance_id);
        let pid = std::fs::read_to_string(directory.join("qemu.pid")).unwrap();
        processes::kill(pid.trim().parse().unwrap());
    }

    /// Stops everything; no process, port or socket of this cloud may be left.
    pub(crate) fn down_leaves_nothing(&self) {
        let endpoint: Value =
            serde_json::from_slice(&std::fs::read(self.local().join("endpoint.json")).unwrap()).unwrap();
        self.json(&["local", "down"]);
        assert_eq!(processes::of(self.directory.path()), [], "processes are left");
        let address = endpoint["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        assert!(TcpStream::connect(&address).is_err(), "{address} still answers");
        assert!(!self.local().join("endpoint.json").exists());
        assert!(!self.local().join("guest.sock").exists());
    }

    fn veris(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(veris());
        self.in_cloud(command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")));
        command
    }

    fn in_cloud<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let target = Path::new(veris()).parent().and_then(Path::parent).unwrap();
        command.env("VERIS_LOCAL_DIR", self.local()).env("CARGO_TARGET_DIR", target).env_remove("VERIS_ENVIRONMENT")
    }

    fn local(&self) -> PathBuf {
        self.directory.path().join("local")
    }

    /// The control plane's log, and what the guests said last, for the reader of a failure.
    fn log(&self) -> String {
        let mut text = String::from("\n--- cloud.log\n");
        text.push_str(&tail(&self.local().join("cloud.log")));
        for entry in std::fs::read_dir(self.local().join("instances")).into_iter().flatten().flatten() {
            for name in ["console.log", "agent.log"] {
                let path = entry.path().join(name);
                let _ = write!(text, "\n--- {}\n{}", path.display(), tail(&path));
            }
        }
        text
    }
}

/// Whatever happened, nothing of this cloud goes on.
impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.veris(&["local", "down", "--delete"]).output();
        for (pid, _) in processes::of(self.directory.path()) {
            processes::kill(pid);
        }
    }
}

fn veris() -> &'static str {
    env!("CARGO_BIN_EXE_veris")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(program).exists())
}

fn quoted(arguments: &[&str]) -> String {
    arguments.iter().map(|argument| format!("'{argument}'")).collect::<Vec<_>>().join(" ")
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn tail(path: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
