//! The way into an instance: OpenSSH's client, with a key that EC2 Instance Connect lets in for a minute.
//!
//! How the host key is checked: by [`known_hosts`], under the instance's id, never under an address, because addresses move.

mod key;
mod known_hosts;

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus as Ended;
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpStream;
use tokio::process::Command;

use self::key::Key;
use self::known_hosts::Trust;
use crate::context::Context;
use crate::environment::Target;
use crate::error::{Failure, cloud, internal, user};
use crate::firewall;
use crate::instances::{Chosen, Instance, State};

/// Amazon Linux's own user, and the only one that the operators' policy lets in.
pub const USER: &str = "ec2-user";

/// With this status ssh says that it failed itself.
const FAILED: i32 = 255;

/// Who logs in, and with what.
#[derive(Debug, Clone, clap::Args)]
pub struct Access {
    /// User of the instance; the operators' policy allows `ec2-user` alone
    #[arg(long, value_name = "NAME", default_value = USER)]
    pub user: String,
    /// Private key of the instance's key pair, instead of a new one that is sent by EC2 Instance Connect
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// Whether the program on the instance has a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    Yes,
    No,
}

/// A way into one instance. Its key is gone with it.
#[derive(Debug)]
pub struct Login {
    key: Key,
    user: String,
    instance_id: String,
    address: Ipv4Addr,
    port: u16,
    known_hosts: PathBuf,
    trust: Trust,
}

impl Login {
    /// Makes a key and has the instance accept it, unless the user has one.
    pub async fn prepare(context: &Context, chosen: &Chosen, access: &Access) -> Result<Self> {
        let Instance { instance_id, .. } = &chosen.instance;
        let address = address(&chosen.instance)?;
        let known_hosts = crate::local::known_hosts(&context.environment)?;
        let trust = known_hosts::look(context, &known_hosts, instance_id).await?;
        if trust == Trust::First {
            context.printer.talk(format_args!(
                "The console of {instance_id} does not show its host key. The key that it shows now is remembered in `{}`.",
                known_hosts.display()
            ));
        }
        // At the end, because its minute runs.
        let key = match &access.identity {
            Some(file) => Key::given(file)?,
            None => Key::send(context, instance_id, &access.user).await?,
        };
        let port = match context.environment.target {
            Target::Local => local_cloud::compute::ssh::PORT,
            Target::Aws => firewall::SSH,
        };
        Ok(Self { key, user: access.user.clone(), instance_id: instance_id.clone(), address, port, known_hosts, trust })
    }

    /// ssh, which runs these words on the instance as ssh does: joined by spaces, and read by the user's shell there. Without words it
    /// runs that shell.
    pub fn command(&self, words: &[String], terminal: Terminal) -> Command {
        let mut command = Command::new("ssh");
        let known_hosts = format!("UserKnownHostsFile=\"{}\"", self.known_hosts.display());
        let options = [
            format!("HostKeyAlias={}", self.instance_id),
            known_hosts,
            format!("StrictHostKeyChecking={}", self.trust.strictness()),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "HashKnownHosts=no".to_owned(),
            "CheckHostIP=no".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            "ConnectTimeout=10".to_owned(),
            "ServerAliveInterval=15".to_owned(),
            // An open connection to the same address may lead to the instance that was behind it before.
            "ControlMaster=no".to_owned(),
            "ControlPath=none".to_owned(),
            "RemoteCommand=none".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ];
        command.args(options.iter().flat_map(|option| ["-o", option]));
        if self.key.is_ours() {
            command.args(["-o", "IdentityAgent=none"]);
        }
        command.arg("-i").arg(self.key.path()).args(["-p", &self.port.to_string(), "-l", &self.user]);
        match terminal {
            Terminal::Yes => command.arg("-t"),
            Terminal::No => command.arg("-T"),
        };
        command.arg(self.address.to_string());
        if !words.is_empty() {
            command.arg("--").args(words);
        }
        command.kill_on_drop(true);
        command
    }

    /// Why ssh ended as it did, where that was not the doing of what it ran.
    pub async fn explain(&self, ended: Ended) -> Option<Failure> {
        if ended.code() != Some(FAILED) {
            return None;
        }
        let Self { address, port, instance_id, user: name, .. } = self;
        let attempt = TcpStream::connect((*address, *port));
        match tokio::time::timeout(Duration::from_secs(3), attempt).await {
            Ok(Ok(_)) => Some(cloud(format!("ssh did not get into {instance_id} as {name}, or what it ran ended with 255")).hint(
                if self.key.is_ours() {
                    "ssh's own message stands above; an image without the package ec2-instance-connect knows only its key pair: \
                     `--identity FILE`"
                } else {
                    "ssh's own message stands above; without `--identity` a new key is sent by EC2 Instance Connect"
                },
            )),
            _ => Some(self.unreachable()),
        }
    }

    fn unreachable(&self) -> Failure {
        let Self { address, port, instance_id, .. } = self;
        let failure = cloud(format!("port {port} of {instance_id} cannot be reached at {address}"));
        if *port == firewall::SSH {
            failure.hint("`veris allow-ip --for 1h` opens it for your address; `veris connect` needs no open port")
        } else {
            failure.hint("the guest still boots (`veris console`), or another program of this machine has the port; `cloud.log` tells")
        }
    }
}

/// What becomes of ssh that cannot be started.
pub fn not_started(error: io::Error) -> Failure {
    missing("ssh", error)
}

fn address(instance: &Instance) -> Result<Ipv4Addr, Failure> {
    let Instance { instance_id, state, public_ip, .. } = instance;
    if *state != State::Running {
        return Err(user(format!("{instance_id} is {state}: nobody can log in")).hint("`veris start` starts it"));
    }
    public_ip.ok_or_else(|| {
        user(format!("{instance_id} has no public address"))
            .hint("`veris connect` needs none: it goes through Session Manager")
    })
}

/// A program of OpenSSH's client that could not be started.
fn missing(program: &str, error: io::Error) -> Failure {
    let is_absent = error.kind() == io::ErrorKind::NotFound;
    let failure = internal(format!("failed to run `{program}`")).source(error);
    if is_absent {
        return failure.hint(
            "install OpenSSH's client: `sudo apt-get install openssh-client`, or `sudo dnf install openssh-clients`",
        );
    }
    failure
}

/// Whether a path can be said in one of ssh's options.
fn is_sayable(path: &Path) -> bool {
    !path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .any(|byte| matches!(byte, b'"' | b'%' | b'\\' | b'$') || byte.is_ascii_control())
}
