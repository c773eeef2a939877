//! `veris local env`.

use std::fmt;

use anyhow::Result;
use local_cloud::Credentials;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{cloud, internal};
use crate::exit_status::ExitStatus;
use crate::local::{self, daemon};
use crate::printer::Printer;

/// Print the shell commands that point any AWS client at the local cloud
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  eval \"$(veris local env)\"\n  aws ec2 describe-instances")]
pub struct Env {}

/// Other settings of the shell would win over these, or send the client to another account.
const UNSET: [&str; 3] = ["AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"];

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::struct_field_names, reason = "they are the names of the variables")]
struct Variables {
    aws_endpoint_url: String,
    aws_access_key_id: String,
    aws_secret_access_key: String,
    aws_region: String,
    aws_default_region: String,
}

pub async fn run(_: &Env, printer: &Printer) -> Result<ExitStatus> {
    let layout = local::layout()?;
    let down = || cloud("the local cloud is not running").hint("start it with `veris local up`");
    let endpoint = daemon::running(&layout).ok_or_else(down)?;
    if !daemon::answers(&endpoint).await {
        return Err(down().into());
    }
    let key = Credentials::load_or_create(&layout)
        .map_err(|error| internal("failed to sign in to the local cloud").source(error))?;
    let region = Environment::local().region;
    printer.data(&Variables {
        aws_endpoint_url: endpoint.url,
        aws_access_key_id: key.access_key_id,
        aws_secret_access_key: key.secret_access_key,
        aws_default_region: region.clone(),
        aws_region: region,
    })?;
    Ok(ExitStatus::Success)
}

impl fmt::Display for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "unset {}", UNSET.join(" "))?;
        for (name, value) in [
            ("AWS_ENDPOINT_URL", &self.aws_endpoint_url),
            ("AWS_ACCESS_KEY_ID", &self.aws_access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.aws_secret_access_key),
            ("AWS_REGION", &self.aws_region),
            ("AWS_DEFAULT_REGION", &self.aws_default_region),
        ] {
            writeln!(f, "export {name}='{value}'")?;
        }
        Ok(())
    }
}
