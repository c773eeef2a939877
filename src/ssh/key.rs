//! The key with which an operator logs in.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use aws_sdk_ec2instanceconnect::error::ProvideErrorMetadata as _;
use tokio::process::Command;

use super::missing;
use crate::aws;
use crate::context::Context;
use crate::error::{Failure, internal, user};
use crate::process;

/// A private key in a file.
#[derive(Debug)]
pub(super) enum Key {
    /// The user's own.
    Given(PathBuf),
    /// Made for this login; the folder is removed when the login ends.
    Made(tempfile::TempDir),
}

/// Name of the key in its folder.
const NAME: &str = "key";

impl Key {
    pub(super) fn given(file: &Path) -> Result<Self, Failure> {
        match fs_err::metadata(file) {
            Ok(found) if found.is_file() => Ok(Self::Given(file.to_owned())),
            Ok(_) => Err(user(format!("`{}` is no file", file.display()))),
            Err(error) => Err(user("failed to find the private key").source(error)),
        }
    }

    /// A new key, which EC2 Instance Connect lets into the instance for 60 seconds.
    pub(super) async fn send(context: &Context, instance_id: &str, os_user: &str) -> Result<Self> {
        let (key, public) = make().await?;
        let stage = context.printer.stage(format!("Send a key to {instance_id} by EC2 Instance Connect"));
        let call = context.clients.instance_connect.send_ssh_public_key();
        let call = call.instance_id(instance_id).instance_os_user(os_user).ssh_public_key(public).send();
        call.await.map_err(|error| {
            let failure = aws::describe(&format!("send a key for {os_user} to instance {instance_id}"), &error);
            match error.code() {
                Some("AccessDeniedException" | "AuthException") => failure.hint(format!(
                    "the operator's role needs ec2-instance-connect:SendSSHPublicKey for this instance and the user {os_user}, as \
                     `veris setup` writes it; with the key pair it works without: `--identity FILE`"
                )),
                _ => failure,
            }
        })?;
        stage.done("");
        Ok(key)
    }

    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Given(file) => file.clone(),
            Self::Made(folder) => folder.path().join(NAME),
        }
    }

    /// Whether it was made for this login.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Made(_))
    }
}

/// The private key in a folder that only this user can enter, and the public one.
async fn make() -> Result<(Key, String)> {
    let folder = tempfile::Builder::new().prefix("veris-ssh-").permissions(Permissions::from_mode(0o700)).tempdir();
    let folder = folder.map_err(|error| internal("failed to make a folder for a key").source(error))?;
    let file = folder.path().join(NAME);
    if let Err(error) = std::process::Command::new("ssh-keygen").arg("-?").output() {
        return Err(missing("ssh-keygen", error).into());
    }
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "veris", "-f"]).arg(&file);
    process::run(command).await?;
    let public = fs_err::read_to_string(file.with_extension("pub"))?;
    Ok((Key::Made(folder), public.trim().to_owned()))
}
