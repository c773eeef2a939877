//! A local cloud whose guests are stand-ins, and a small project to bake in it: everything but the machines is real.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use local_cloud::layout::Layout;
use local_cloud::parent_image::Choice;
use local_cloud::state::{Image, ImageState, State};
use local_cloud::store::Store;
use serde_json::Value;

use crate::support::{Project, RECIPE};

/// The release that the AMIs of [`Cloud::up`] have in their names.
pub(crate) const RELEASES: [&str; 2] = ["2023.9.20251117", "2023.12.20260930"];

pub(crate) struct Cloud {
    pub(crate) project: Project,
    directory: tempfile::TempDir,
    daemon: Child,
}

impl Cloud {
    /// Starts a cloud that has two AMIs of Amazon Linux beside its own parent. `None`, with the reason, where it cannot run.
    pub(crate) fn up() -> Option<Self> {
        Self::start(|_, state| add_images(state))
    }

    /// Starts a cloud in which these versions of the recipe's service are baked.
    pub(crate) fn with_versions(versions: &[&str]) -> Option<Self> {
        Self::start(|layout, state| versions.iter().for_each(|version| add_version(layout, state, version)))
    }

    /// Starts a cloud in which another account has baked this version, and lets this one launch it.
    pub(crate) fn with_version_of(account: &str, version: &str) -> Option<Self> {
        Self::start(|layout, state| {
            add_version(layout, state, version);
            for image in state.images.values_mut().filter(|image| image.owner != "amazon") {
                account.clone_into(&mut image.owner);
                let digest = &image.tags["veris:digest"];
                image.description = veris::images::description("chat", &version.parse().unwrap(), digest);
            }
        })
    }

    fn start(prepare: impl FnOnce(&Layout, &mut State)) -> Option<Self> {
        for program in ["qemu-img", "/usr/sbin/debugfs", "python3", "git"] {
            if Command::new(program).arg("-V").output().is_err() {
                assert!(
                    std::env::var_os("VERIS_REQUIRE_GUESTS").is_none(),
                    "`{program}` is required, but not installed"
                );
                skip(program);
                return None;
            }
        }
        let directory = tempfile::Builder::new().prefix("veris-").tempdir().unwrap();
        let layout = layout(directory.path());
        make_parent(&layout);
        fs_err::create_dir_all(&layout.directory).unwrap();
        Store::open(layout.state())
            .unwrap()
            .change(|state| {
                prepare(&layout, state);
                Ok(())
            })
            .unwrap();
        let project = cargo_project();
        let daemon = serve(directory.path());
        let cloud = Self { project, directory, daemon };
        cloud.wait_until("the local cloud answers", || layout.endpoint().exists());
        Some(cloud)
    }

    pub(crate) fn layout(&self) -> Layout {
        layout(self.directory.path())
    }

    /// While this file is there, components do not end.
    pub(crate) fn hold(&self) -> PathBuf {
        hold(self.directory.path())
    }

    /// The built program in the project, with these arguments.
    pub(crate) fn veris(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veris"));
        command.args(arguments).current_dir(self.project.path()).stdin(Stdio::null());
        in_place(&mut command, self.directory.path());
        command
    }

    /// What a command that must succeed prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.veris(arguments).args(["--output", "json"]).output().unwrap();
        assert!(output.status.success(), "`veris {}` failed:\n{}{}", arguments.join(" "), talk(&output), self.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a command that must fail with this exit code says.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.veris(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "`veris {}`:\n{}", arguments.join(" "), talk(&output));
        talk(&output)
    }

    /// What is wrong from now on with every instance of this version.
    pub(crate) fn mood(&self, version: &str, mood: &str) {
        fs_err::write(self.directory.path().join(format!("mood-{version}")), mood).unwrap();
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.project.path(), arguments)
    }

    pub(crate) fn commit(&self) -> String {
        commit(self.project.path())
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_slice(&fs_err::read(self.layout().state()).unwrap()).unwrap()
    }

    pub(crate) fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < Duration::from_mins(1), "waited in vain until {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs_err::read_to_string(self.directory.path().join("cloud.log")).unwrap_or_default()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(self.hold());
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        // Guests outlive their control plane.
        for entry in fs_err::read_dir(self.layout().directory.join("instances")).into_iter().flatten().flatten() {
            let pid = fs_err::read_to_string(entry.path().join("qemu.pid")).unwrap_or_default();
            if let Some(pid) = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "a skip needs its reason")]
fn skip(program: &str) {
    eprintln!("skipped: `{program}` is not installed");
}

fn layout(directory: &Path) -> Layout {
    Layout { directory: directory.join("local"), cache: directory.join("cache") }
}

fn hold(directory: &Path) -> PathBuf {
    directory.join("hold")
}

fn in_place(command: &mut Command, directory: &Path) {
    let Layout { directory: local, cache } = layout(directory);
    command
        .env("VERIS_LOCAL_DIR", local)
        .env("VERIS_CACHE_DIR", cache)
        .env("XDG_STATE_HOME", directory.join("state"))
        .env("STAND_IN_HOLD", hold(directory));
    for name in ["VERIS_ENVIRONMENT", "VERIS_PROJECT", "CARGO_TARGET_DIR", "VERIS_LOCAL_PARENT"] {
        command.env_remove(name);
    }
}

fn serve(directory: &Path) -> Child {
    let log = fs_err::File::create(directory.join("cloud.log")).unwrap().into_file();
    let toe = directory.join("veris-toe");
    fs_err::write(&toe, "no runner is needed").unwrap();
    let stand_ins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/stand_in");
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([stand_ins].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_veris"));
    command.args(["local", "serve", "--faults", "--toe"]).arg(toe).env("PATH", path).stdin(Stdio::null());
    command.env("STAND_IN_PYTHON", python());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    in_place(&mut command, directory);
    command.spawn().unwrap()
}

/// The interpreter itself, where `python3` is a program that chooses one.
fn python() -> &'static str {
    static PYTHON: LazyLock<String> = LazyLock::new(|| {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    });
    &PYTHON
}

/// A tiny and clean disk instead of the Debian that would be built here.
fn make_parent(layout: &Layout) {
    static DISK: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        let disk = directory.path().join("disk.qcow2");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/stand_in/disk.py");
        let made = Command::new(python()).arg(program).arg(&disk).output().unwrap();
        assert!(made.status.success(), "{}", talk(&made));
        fs_err::read(disk).unwrap()
    });
    let digest = Choice::BuiltIn.digest();
    let parent = layout.parents().join(&digest);
    fs_err::create_dir_all(&parent).unwrap();
    fs_err::write(parent.join("disk.qcow2"), DISK.as_slice()).unwrap();
    let manifest = serde_json::json!({"digest": digest, "suite": "none", "packages": {}});
    fs_err::write(parent.join("manifest.json"), manifest.to_string()).unwrap();
}

fn add_images(state: &mut State) {
    for (digit, release) in ["1", "2"].into_iter().zip(RELEASES) {
        let image = Image {
            image_id: format!("ami-{}", digit.repeat(17)),
            name: format!("al2023-ami-{release}.0-kernel-6.12-x86_64"),
            description: String::new(),
            state: ImageState::Available,
            created: jiff::Timestamp::now(),
            snapshot_id: format!("snap-{}", digit.repeat(17)),
            root_device: "/dev/xvda".to_owned(),
            volume_gib: 8,
            owner: "amazon".to_owned(),
            parent: Choice::BuiltIn.digest(),
            ..Image::default()
        };
        state.images.insert(image.image_id.clone(), image);
    }
}

/// As a bake leaves it: an AMI with our tags, whose disk lies over the parent.
fn add_version(layout: &Layout, state: &mut State, version: &str) {
    let number = state.images.len() + 1;
    let image_id = format!("ami-{number:017}");
    let disk = layout.image_disk(&image_id);
    fs_err::create_dir_all(disk.parent().unwrap()).unwrap();
    let parent = layout.parents().join(Choice::BuiltIn.digest()).join("disk.qcow2");
    let mut make = Command::new("qemu-img");
    make.args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]).arg(parent).arg(disk);
    assert!(make.status().unwrap().success());
    let digest = format!("sha256:{number:064}");
    let tags = [("service", "chat"), ("version", version), ("digest", digest.as_str()), ("commit", "0123456")];
    let image = Image {
        image_id: image_id.clone(),
        name: format!("chat-{version}"),
        description: String::new(),
        state: ImageState::Available,
        created: jiff::Timestamp::now(),
        snapshot_id: format!("snap-{number:017}"),
        root_device: "/dev/xvda".to_owned(),
        volume_gib: 8,
        owner: local_cloud::state::ACCOUNT.to_owned(),
        parent: Choice::BuiltIn.digest(),
        tags: tags.map(|(key, value)| (format!("veris:{key}"), value.to_owned())).into(),
        ..Image::default()
    };
    state.images.insert(image_id, image);
}

/// The recipe's project as a crate that compiles in a second, committed.
pub(crate) fn cargo_project() -> Project {
    let project = Project::new();
    project.write("recipes/chat.yaml", RECIPE);
    project.write("Cargo.toml", "[package]\nname = \"chat\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n");
    project.write("Cargo.lock", "version = 3\n\n[[package]]\nname = \"chat\"\nversion = \"0.1.0\"\n");
    project.write("src/main.rs", "fn main() {}\n");
    project.write(".gitignore", "/target\n");
    project.write("units/chat.service", "[Service]\nExecStart=/opt/chat/chat\n");
    project.write("config/chat.yaml", "port: 8000\n");
    project.write("components/10-base.yaml", &document("base", ""));
    project.write("components/20-chat.yaml", &document("chat", PARAMETERS));
    git(project.path(), &["init", "--quiet"]);
    commit(project.path());
    project
}

const PARAMETERS: &str = "\
parameters:
  - Version: {type: string, description: Version that is baked}
  - Digest: {type: string, description: Bake digest}
";

fn document(name: &str, parameters: &str) -> String {
    let use_of = if parameters.is_empty() { "" } else { "{{ Version }} {{ Digest }} " };
    format!(
        "name: {name}\nschemaVersion: 1.0\n{parameters}phases:\n  - name: build\n    steps:\n      - name: Install\n        \
         action: ExecuteBash\n        timeoutSeconds: 60\n        inputs:\n          commands:\n            - \
         echo '{use_of}<{{ artifact.sha256 }}> <% if release %><{{ release }}><% endif %>'\n  - name: test\n    steps:\n      - \
         name: Smoke\n        action: ExecuteBash\n        timeoutSeconds: 60\n        inputs:\n          commands:\n            \
         - 'true'\n"
    )
}

/// Commits everything, and answers the commit.
pub(crate) fn commit(project: &Path) -> String {
    git(project, &["add", "--all"]);
    git(project, &["commit", "--quiet", "--message", "Change something"]);
    git(project, &["rev-parse", "HEAD"])
}

fn git(project: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]);
    let output = command.args(arguments).current_dir(project).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", talk(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
