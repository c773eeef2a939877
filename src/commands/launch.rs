//! `veris launch`: an instance of an image, proven, and put behind the address.

mod plan;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use self::plan::Planned;
use crate::context::Context;
use crate::deploy::{self, Options, Plan, Scene, Settings, deploy};
use crate::env_file::EnvFile;
use crate::error::{Failure, user};
use crate::exit_status::ExitStatus;
use crate::firewall;
use crate::images;
use crate::ledger::{Keep, Kind, Ledger, Origin, Served, Target, Task};
use crate::requirements::{self, Requirements};
use crate::user_data::UserData;

/// Launch an image and put it behind the address
///
/// The instance gets nothing but its `.env`. The address moves only when the instance runs, `/version` on its own address has
/// proved several times that it is the image asked for, and it has answered a question through Bedrock. Then it is looked at
/// through the address and watched; if it fails, the address goes back by itself. Every launch is in `veris history`.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[command(after_help = "Example:\n  veris launch 1.1.0 --env-file ./production.env --reason 'cite pages'\n  \
                        veris launch --no-promote && veris promote")]
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
    /// Seconds to watch it behind the address before it counts as live; by default 30, and 2 in the local cloud
    #[arg(long, value_name = "SECONDS")]
    pub soak: Option<u64>,
    /// What becomes of the instance that served before
    #[arg(long, value_name = "HOW", default_value = "stopped")]
    pub keep: Keep,
    /// Prove the instance, but leave the address where it is; `veris promote` moves it later
    #[arg(long)]
    pub no_promote: bool,
    /// Ask it no question before the address moves: for a service without a chat, or while Bedrock is down
    #[arg(long)]
    pub no_chat: bool,
    /// Why, for `veris history`
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Launch although the image is not proven or signed as the environment asks; the ledger keeps what it lacked
    #[arg(long)]
    pub allow_unproven: bool,
    /// Launch although the version is live already, or although somebody moved the address by hand
    #[arg(long)]
    pub force: bool,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            version: None,
            env_file: None,
            timeout: 600,
            soak: None,
            keep: Keep::default(),
            no_promote: false,
            no_chat: false,
            reason: None,
            dry_run: false,
            allow_unproven: false,
            force: false,
        }
    }
}

/// What was launched.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Launched {
    /// Number of the deployment in `veris history`.
    pub deployment: u32,
    pub url: String,
    pub service: String,
    pub version: Version,
    pub digest: String,
    pub instance_id: String,
    pub instance_type: String,
    pub image_id: String,
    /// Whether it is behind the address.
    pub live: bool,
    pub seconds: f64,
    /// Who served before.
    pub previous: Option<Served>,
    pub keep: Keep,
}

pub async fn run(args: Launch, context: &Context) -> Result<ExitStatus> {
    if args.dry_run {
        context.printer.data(&dry_run(&args, context).await?)?;
    } else {
        context.printer.data(&Box::pin(launch(&args, context)).await?)?;
    }
    Ok(ExitStatus::Success)
}

/// Launches and answers what is live then.
pub async fn launch(args: &Launch, context: &Context) -> Result<Launched> {
    let user_data = user_data(args, context).await?;
    let (examined, reason) = Box::pin(examine(args, context)).await?;
    firewall::sweep_beside(context).await;
    let options = Options {
        kind: Kind::Launch,
        reason,
        timeout: Duration::from_secs(args.timeout),
        soak: deploy::soak(context, args.soak),
        chat: !args.no_chat,
    };
    let deployed = Box::pin(deploy(context, &options, |scene| plan(args, &user_data, &examined, scene))).await?;
    deploy::warn(context, &deployed);
    let task = plan_of(&deployed.record);
    Ok(Launched {
        deployment: deployed.record.number,
        url: deployed.url,
        service: context.recipe.service.to_string(),
        version: task.to.version,
        digest: task.to.digest,
        instance_id: deployed.instance_id,
        instance_type: deployed.instance_type,
        image_id: task.to.image_id,
        live: task.promote,
        seconds: deployed.seconds,
        previous: task.from,
        keep: task.keep,
    })
}

async fn dry_run(args: &Launch, context: &Context) -> Result<Planned> {
    let user_data = user_data(args, context).await?;
    let (examined, _) = Box::pin(examine(args, context)).await?;
    let scene = Scene::look(context, &Ledger::of(context)).await?;
    let plan = plan(args, &user_data, &examined, &scene)?;
    Ok(Planned::new(args, context, &scene, plan.task))
}

async fn user_data(args: &Launch, context: &Context) -> Result<UserData> {
    let env = EnvFile::find(args.env_file.as_deref(), &context.project).map_err(Failure::from)?;
    let env = env.over(&context.environment.env).map_err(Failure::from)?;
    let user_data = UserData::new(&env, &context.recipe.env_file)?;
    env.check_references(context).await?;
    Ok(user_data)
}

/// The image of the launch, which has what the environment asks of it, and the reason that the ledger keeps.
async fn examine(args: &Launch, context: &Context) -> Result<(Examined, Option<String>)> {
    if context.environment.require == Requirements::default() {
        return Ok((Examined::Any, args.reason.clone()));
    }
    let images = images::find(context).await?;
    let image = images::choose(&images, args.version.as_ref(), &context.recipe.service)?;
    let unmet = requirements::unmet(context, image).await?;
    let examined = Examined::Image(image.image_id.clone());
    if unmet.is_empty() {
        return Ok((examined, args.reason.clone()));
    }
    if !args.allow_unproven {
        return Err(unmet.refusal(context, image).into());
    }
    context.printer.talk(format_args!("warning: {} {} is launched although {unmet}", image.service, image.version));
    Ok((examined, Some(unmet.reason(args.reason.as_deref()))))
}

/// What may be launched.
enum Examined {
    /// Nothing is asked of images.
    Any,
    /// The id of the one that was examined.
    Image(String),
}

fn plan(args: &Launch, user_data: &UserData, examined: &Examined, scene: &Scene) -> Result<Plan, Failure> {
    let image = images::choose(&scene.images, args.version.as_ref(), &scene.service)?;
    if let Examined::Image(id) = examined
        && *id != image.image_id
    {
        let (id, version) = (&image.image_id, &image.version);
        return Err(user(format!("{id} ({version}) appeared while another image was examined"))
            .hint("run the same command again"));
    }
    if let Some(live) = scene.live().filter(|live| live.image_id == image.image_id && !args.force) {
        return Err(user(format!(
            "{} {} is live already, on instance {}",
            image.service, image.version, live.instance_id
        ))
        .hint("to launch it once more, for example with another `.env`, add `--force`"));
    }
    // Without a move of the address it does not matter who is behind it.
    let from = scene.from(args.force || args.no_promote)?;
    let to = Target::of(image, Origin::Created, None);
    let task = Task { from, to, promote: !args.no_promote, keep: args.keep };
    Ok(Plan { task, settings: Settings::Given(user_data.clone()) })
}

/// Every deployment but a recovery has a task.
pub(super) fn plan_of(record: &crate::ledger::Record) -> Task {
    record.task.clone().unwrap_or_else(|| unreachable!("a {} has a task", record.kind.noun()))
}

impl fmt::Display for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.live { "is live" } else { "is proven, and waits for `veris promote`," };
        writeln!(f, "{} {} {what} at {}", self.service, self.version, self.url)?;
        writeln!(f, "  instance    {} ({})", self.instance_id, self.instance_type)?;
        writeln!(f, "  image       {}", self.image_id)?;
        writeln!(f, "  deployment  {}", self.deployment)?;
        writeln!(f, "  seconds     {:.1}", self.seconds)?;
        let Some(previous) = self.previous.as_ref().filter(|_| self.live) else { return Ok(()) };
        let version = previous.version.as_ref().map_or("not launched by veris".to_owned(), ToString::to_string);
        let keep = match (self.keep, &previous.version) {
            (_, None) | (Keep::Running, _) => "kept as it is",
            (Keep::Stopped, _) => "kept, and stopped",
            (Keep::None, _) => "terminated",
        };
        writeln!(f, "  before      {} ({version}), {keep}", previous.instance_id)
    }
}
