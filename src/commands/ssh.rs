//! `veris ssh`: a shell or a command on an instance.

use std::fmt;
use std::io::IsTerminal as _;

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::instances;
use crate::printer::Output;
use crate::ssh::{self, Access, Login, Terminal};

/// Log in to an instance, or run a command there
///
/// A key is made for this login alone, sent by EC2 Instance Connect, which lets it in for a minute, and deleted afterwards. The instance
/// must prove itself with the host key that its console shows; where that shows none, the first key is remembered. Port 22 must be
/// open for your address: `veris allow-ip`. The exit code is that of the command.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  veris ssh\n  veris ssh -- systemctl status veris-chat\n  veris ssh 1.1.0 --identity ~/.ssh/team.pem"
)]
pub struct Ssh {
    /// Instance or version; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    target: Option<String>,
    #[command(flatten)]
    access: Access,
    /// What to run there instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// What a command did, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ran {
    instance_id: String,
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

pub async fn run(args: Ssh, context: &Context) -> Result<ExitStatus> {
    let is_json = context.printer.output() == Output::Json;
    if is_json && args.command.is_empty() {
        return Err(user("a shell has no data in JSON")
            .hint("name a command: `veris ssh --output json -- uptime`")
            .into());
    }
    let chosen = instances::choose(context, args.target.as_deref()).await?;
    let login = Login::prepare(context, &chosen, &args.access).await?;
    let is_seen = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !is_json;
    let mut command = login.command(&args.command, if is_seen { Terminal::Yes } else { Terminal::No });
    let ended = if is_json {
        let output = command.output().await.map_err(ssh::not_started)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        if let Some(failure) = login.explain(output.status).await {
            context.printer.talk(stderr.trim_end());
            return Err(failure.into());
        }
        let instance_id = chosen.instance.instance_id;
        context.printer.data(&Ran { instance_id, status: output.status.code(), stdout, stderr })?;
        output.status
    } else {
        command.status().await.map_err(ssh::not_started)?
    };
    if let Some(failure) = login.explain(ended).await {
        return Err(failure.into());
    }
    let status = ended.code().and_then(|code| u8::try_from(code).ok());
    Ok(match status {
        Some(0) => ExitStatus::Success,
        Some(status) => ExitStatus::Program(status),
        None => ExitStatus::Interrupted,
    })
}

/// In text the command writes for itself.
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stdout)
    }
}
