//! How an operator gets into an instance, up to the program that does it: what ssh is asked for, and what its end means.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::command::Sandbox;
use crate::stand_in::{Cloud, talk};

/// A cloud whose operator has a stand-in for ssh in the `PATH`.
pub(crate) struct Ssh<'a> {
    cloud: &'a Cloud,
    directory: tempfile::TempDir,
}

impl<'a> Ssh<'a> {
    pub(crate) fn new(cloud: &'a Cloud) -> Self {
        let ssh = Self { cloud, directory: tempfile::tempdir().unwrap() };
        ssh.answers("", 0);
        ssh
    }

    /// What ssh writes and how it ends from now on.
    fn answers(&self, output: &str, status: i32) {
        fs_err::write(self.directory.path().join("output"), output).unwrap();
        fs_err::write(self.directory.path().join("status"), status.to_string()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.veris(arguments).output().unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--output", "json"]].concat()[..]);
        assert!(output.status.success(), "{}", talk(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn veris(&self, arguments: &[&str]) -> Command {
        let mut command = self.cloud.veris(&[]);
        // Behind `--` stands what is run on the instance.
        let (ours, theirs) = match arguments.iter().position(|word| *word == "--") {
            Some(at) if arguments.ends_with(&["--output", "json"]) => {
                ([&arguments[..at], &["--output", "json"]].concat(), arguments[at..arguments.len() - 2].to_vec())
            }
            _ => (arguments.to_vec(), Vec::new()),
        };
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/log_in");
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths([stand_in].into_iter().chain(std::env::split_paths(&path))).unwrap();
        command.args(ours).args(theirs).env("PATH", path).env("STAND_IN_SSH", self.directory.path());
        command
    }

    /// A file that the stand-in has written.
    fn noted(&self, name: &str) -> String {
        fs_err::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// The value of one of ssh's options, long or short.
    fn option(&self, name: &str) -> String {
        let arguments = self.noted("arguments");
        let lines: Vec<&str> = arguments.lines().collect();
        let long = lines.iter().find_map(|line| line.strip_prefix(&format!("{name}=")));
        let short = || lines.iter().position(|line| *line == name).map(|at| lines[at + 1]);
        long.or_else(short).unwrap_or_else(|| panic!("no {name} in {arguments}")).to_owned()
    }
}

/// Keys that the cloud was sent.
fn sent(cloud: &Cloud) -> usize {
    cloud.log().matches("operation=\"SendSSHPublicKey\"").count()
}

fn launched(cloud: &Cloud) -> String {
    let settings = cloud.project.write("one.env", "PLAIN=1\n").display().to_string();
    cloud.json(&["launch", "--env-file", &settings, "--soak", "0"])["instanceId"].as_str().unwrap().to_owned()
}

#[test]
fn an_operator_runs_a_command_on_the_live_instance_with_a_key_of_its_own() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let id = launched(&cloud);
    let ssh = Ssh::new(&cloud);
    ssh.answers("up 3 minutes\n", 7);
    let output = ssh.run(&["ssh", "--", "uptime", "-p"]);
    assert_eq!(output.status.code(), Some(7), "the command's own status: {}", talk(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "up 3 minutes\n");
    assert!(ssh.noted("arguments").ends_with("\n--\nuptime\n-p\n"), "{}", ssh.noted("arguments"));
    assert_eq!(
        (ssh.option("-l"), ssh.option("-p"), ssh.option("HostKeyAlias")),
        ("ec2-user".into(), "2222".into(), id)
    );

    assert_eq!(sent(&cloud), 1);
    assert!(ssh.noted("public").starts_with("ssh-ed25519 AAAA"));
    assert_eq!(ssh.noted("modes"), "600\n700\n");
    let key = ssh.option("-i");
    assert!(!Path::new(&key).exists(), "{key} is still there");
    assert!(!Path::new(&key).parent().unwrap().exists());

    ssh.answers("up 4 minutes\n", 0);
    let told = ssh.json(&["ssh", "1.0.0", "--", "uptime"]);
    assert_eq!((&told["status"], &told["stdout"]), (&json!(0), &json!("up 4 minutes\n")));
    assert_ne!(ssh.option("-i"), key, "every login has its own key");
    assert_eq!(sent(&cloud), 2);
}

#[test]
fn an_operators_own_key_is_sent_to_nobody() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    launched(&cloud);
    let ssh = Ssh::new(&cloud);
    let key = ssh.directory.path().join("team.pem");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let key = key.display().to_string();
    assert!(ssh.run(&["ssh", "--identity", &key]).status.success());
    assert_eq!((ssh.option("-i"), sent(&cloud)), (key.clone(), 0));
    assert!(Path::new(&key).exists());
    let output = ssh.run(&["ssh", "--identity", "absent.pem"]);
    assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
}

#[test]
fn a_host_key_is_the_one_that_the_console_tells_or_the_first_that_is_shown() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let id = launched(&cloud);
    let ssh = Ssh::new(&cloud);
    let first = ssh.run(&["ssh"]);
    assert_eq!(ssh.option("StrictHostKeyChecking"), "accept-new");
    assert!(talk(&first).contains("does not show its host key"), "{}", talk(&first));

    let console =
        "-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAAC3NzaTold root@ip\n-----END SSH HOST KEY KEYS-----\n";
    fs_err::write(cloud.layout().instance(&id).join("console.log"), console).unwrap();
    assert!(ssh.run(&["ssh"]).status.success());
    assert_eq!(ssh.option("StrictHostKeyChecking"), "yes");
    let file = ssh.option("UserKnownHostsFile");
    assert_eq!(fs_err::read_to_string(file.trim_matches('"')).unwrap(), format!("{id} ssh-ed25519 AAAAC3NzaTold\n"));

    // What was told once holds, whatever the console shows later.
    fs_err::write(cloud.layout().instance(&id).join("console.log"), console.replace("Told", "Other")).unwrap();
    assert!(ssh.run(&["ssh"]).status.success());
    assert_eq!(fs_err::read_to_string(file.trim_matches('"')).unwrap(), format!("{id} ssh-ed25519 AAAAC3NzaTold\n"));
}

#[test]
fn whoever_cannot_get_in_is_told_why_and_what_to_do() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let ssh = Ssh::new(&cloud);
    let output = ssh.run(&["ssh"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("nothing of chat is live"), "{}", talk(&output));

    let id = launched(&cloud);
    ssh.answers("", 255);
    let output = ssh.run(&["ssh", "--", "true"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(talk(&output).contains(&format!("port 2222 of {id} cannot be reached at 127.")), "{}", talk(&output));

    let mut denied = ssh.veris(&["ssh"]);
    // Addresses, instances and the console are looked at before.
    let denied = denied.env("VERIS_FAULT_AT", "deny@4").output().unwrap();
    assert_eq!(denied.status.code(), Some(3), "{}", talk(&denied));
    assert!(talk(&denied).contains("needs ec2-instance-connect:SendSSHPublicKey"), "{}", talk(&denied));

    let mut bare = cloud.veris(&["ssh"]);
    let bare = bare.env("PATH", ssh.directory.path()).output().unwrap();
    assert_eq!(bare.status.code(), Some(4), "{}", talk(&bare));
    assert!(talk(&bare).contains("`ssh-keygen`") && talk(&bare).contains("openssh-client"), "{}", talk(&bare));

    cloud.json(&["stop"]);
    let output = ssh.run(&["ssh"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("`veris start` starts it"), "{}", talk(&output));
}

#[test]
fn a_port_that_is_taken_costs_no_launch() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let id = launched(&cloud);
    cloud.json(&["stop"]);
    let address: Ipv4Addr = cloud.state()["instances"][&id]["address"].as_str().unwrap().parse().unwrap();
    let _taken = TcpListener::bind((address, 2222)).unwrap();
    assert_eq!(cloud.json(&["start"])["state"], "running");
    assert!(cloud.log().contains("port 2222 does not lead to the guest's sshd"), "{}", cloud.log());
}

#[test]
fn the_journal_is_shown_entry_by_entry() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    launched(&cloud);
    let ssh = Ssh::new(&cloud);
    let entry = |time: &str, message: &str| {
        format!(
            "{{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"{time}\",\"PRIORITY\":\"6\",\"_SYSTEMD_UNIT\":\"chat.service\",\
             \"MESSAGE\":\"{message}\"}}\n"
        )
    };
    let journal = [entry("1795788000000000", "listening\\u001b[2J on 8000"), entry("1795788000100000", "ready")];
    ssh.answers(&journal.concat(), 0);
    let output = ssh.run(&["logs", "--lines", "5"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        shown,
        "2026-11-27T14:00:00.000Z listening on 8000\n2026-11-27T14:00:00.100Z ready\n",
        "{}",
        talk(&output)
    );
    let arguments = ssh.noted("arguments");
    assert!(
        arguments.contains("\njournalctl\n") && arguments.contains("\n--unit='chat.service'\n--lines=5\n"),
        "{arguments}"
    );

    let output = ssh.run(&["logs", "-f", "--since", "10m", "--output", "json"]);
    let entries: Vec<Value> =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(entries.len(), 2, "one line is one entry");
    let expected = json!({"time": "2026-11-27T14:00:00.1Z", "priority": 6, "unit": "chat.service", "message": "ready"});
    assert_eq!(entries[1], expected);
    assert!(ssh.noted("arguments").ends_with("\n--since=-600s\n--follow\n--no-tail\n"));

    ssh.answers("", 1);
    let output = ssh.run(&["logs"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(talk(&output).contains("systemd-journal"), "{}", talk(&output));
}

#[test]
fn session_manager_is_aws_and_needs_its_plugin() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let told = cloud.fails(2, &["connect"]);
    assert!(told.contains("has no Session Manager") && told.contains("`veris ssh`"), "{told}");

    let sandbox = Sandbox::new();
    let programs = tempfile::tempdir().unwrap();
    let connect = || {
        let output = sandbox.veris("connect -e prod").env("PATH", programs.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", sandbox.shown(&output));
        talk(&output)
    };
    assert!(connect().contains("`aws` is not installed"));
    fs_err::write(programs.path().join("aws"), "").unwrap();
    assert!(connect().contains("`session-manager-plugin` is not installed"));
}
