//! `veris launch`: an instance of an image, checked, and put behind the address.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use crate::addresses;
use crate::context::Context;
use crate::deploy::deploy;
use crate::env_file::EnvFile;
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::health::Endpoint;
use crate::images::{self, BakedImage};
use crate::instances::{self, Instance};
use crate::user_data::UserData;

/// Launch an image and put it behind the address
///
/// The instance gets nothing but its `.env`. The address moves only when the service answers on the instance's own
/// address and `/version` proves that it is the image asked for. The instance that served before is kept running, so
/// that `veris rollback` takes seconds.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris launch 1.1.0 --env-file ./production.env")]
pub struct Launch {
    /// Version to launch; by default the newest one
    #[arg(value_name = "VERSION")]
    pub version: Option<Version>,
    /// File with the service's settings, one NAME=VALUE a line; by default .env of the project
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Seconds the service may take until it answers
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// Launch the version that is live already once more, for example with another .env
    #[arg(long)]
    pub force: bool,
}

/// What is live now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Launched {
    pub url: String,
    pub service: String,
    pub version: Version,
    pub digest: String,
    pub instance_id: String,
    pub image_id: String,
    pub seconds: f64,
    /// Who served before, kept running.
    pub previous: Option<Previous>,
}

/// The instance that held the address before; its version is known where it was launched by this tool.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Previous {
    pub instance_id: String,
    pub version: Option<Version>,
}

pub async fn run(args: Launch, context: &Context) -> Result<ExitStatus> {
    context.printer.data(&launch(&args, context).await?)?;
    Ok(ExitStatus::Success)
}

/// Launches and answers what is live then.
pub async fn launch(args: &Launch, context: &Context) -> Result<Launched> {
    let started = Instant::now();
    let user_data = user_data(args, context)?;
    let images = images::find(&context.clients, &context.recipe).await?;
    let image = images::choose(&images, args.version.as_ref(), &context.recipe.service)?;
    let holder = addresses::find(context).await?.and_then(|address| address.holder);
    let kept = instances::list(&context.clients, &image.service).await?;
    let live = kept.iter().find(|instance| Some(&instance.instance_id) == holder.as_ref());
    if !args.force {
        refuse_live(live, image)?;
    }
    let deployed = deploy(context, image, &user_data, Duration::from_secs(args.timeout)).await?;
    let previous = deployed.address.holder.map(|instance_id| Previous {
        version: kept.iter().find(|instance| instance.instance_id == instance_id).map(|found| found.version.clone()),
        instance_id,
    });
    Ok(Launched {
        url: Endpoint { address: deployed.address.ip, port: context.recipe.port }.url(),
        service: image.service.clone(),
        version: image.version.clone(),
        digest: image.digest.clone(),
        instance_id: deployed.instance_id,
        image_id: image.image_id.clone(),
        seconds: started.elapsed().as_secs_f64(),
        previous,
    })
}

fn user_data(args: &Launch, context: &Context) -> Result<UserData, Failure> {
    let env = EnvFile::find(args.env_file.as_deref(), &context.project)?.over(&context.environment.env)?;
    UserData::new(&env, &context.recipe.env_file)
}

fn refuse_live(live: Option<&Instance>, image: &BakedImage) -> Result<(), Failure> {
    match live.filter(|live| live.image_id == image.image_id) {
        Some(live) => {
            Err(user(format!("{} {} is live already, on instance {}", image.service, image.version, live.instance_id))
                .hint("to launch it once more, for example with another `.env`, add `--force`"))
        }
        None => Ok(()),
    }
}

impl fmt::Display for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} is live at {}", self.service, self.version, self.url)?;
        writeln!(f, "  instance  {}", self.instance_id)?;
        writeln!(f, "  image     {}", self.image_id)?;
        writeln!(f, "  seconds   {:.1}", self.seconds)?;
        if let Some(previous) = &self.previous {
            let version = previous.version.as_ref().map_or("not launched by veris".to_owned(), ToString::to_string);
            writeln!(f, "  before    {} ({version}), kept as it is", previous.instance_id)?;
        }
        Ok(())
    }
}
