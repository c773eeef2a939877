//! `veris connect`: a shell on an instance by Session Manager, which needs no open port.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Result;

use crate::context::Context;
use crate::environment::Target;
use crate::error::{internal, user};
use crate::exit_status::ExitStatus;
use crate::instances;
use crate::local::requirements;

/// Open a shell on an instance by Session Manager, without an open port
///
/// Runs `aws ssm start-session` with the AWS settings of this environment. The instance's role must let its agent speak to Session
/// Manager, as `veris setup` writes it. In the local cloud there is no Session Manager: use `veris ssh`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  veris connect --environment prod")]
pub struct Connect {
    /// Instance or version; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    target: Option<String>,
}

const CLI: &str = "install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html";
const PLUGIN: &str = "install AWS's Session Manager plugin: \
    https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html";

pub async fn run(args: Connect, context: &Context) -> Result<ExitStatus> {
    if context.environment.target == Target::Local {
        return Err(user("the local cloud has no Session Manager")
            .hint("`veris ssh` opens a shell there; for AWS name the environment: `veris connect -e prod`")
            .into());
    }
    for (program, cure) in [("aws", CLI), ("session-manager-plugin", PLUGIN)] {
        if requirements::find(program).is_none() {
            return Err(internal(format!("`{program}` is not installed")).hint(cure).into());
        }
    }
    let instance_id = instances::choose(context, args.target.as_deref()).await?.instance.instance_id;
    let mut command = Command::new("aws");
    command.args(["ssm", "start-session", "--target", &instance_id]);
    let region = &context.environment.region;
    command.env("AWS_REGION", region).env("AWS_DEFAULT_REGION", region);
    // In our place: the plugin passes Ctrl-C on to the instance.
    Err(internal("failed to run `aws`").source(command.exec()).into())
}
