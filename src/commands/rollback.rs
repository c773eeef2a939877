//! `veris rollback`: the version that served before is put back behind the address.

mod candidate;

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;
use semver::Version;
use serde::Serialize;

use self::candidate::Candidate;
use crate::addresses::{self, Address, HandOver, hand_over};
use crate::context::Context;
use crate::deploy::deploy;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::health::{self, Endpoint};
use crate::images;
use crate::instances::{self, Instance, State};
use crate::tags;
use crate::wait::Patience;

/// A kept instance has answered before: it answers at once, or, on a busy host, soon; otherwise something is wrong with it.
const KEPT: Patience = Patience { deadline: Duration::from_secs(30), every: Duration::from_millis(100), streak: 3 };

/// Put the previous version back behind the address
///
/// An instance that is still kept takes over within seconds; a stopped one is started first. When none is kept, the image
/// of the previous version is launched with the settings of the live instance.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:\n  veris rollback\n  veris rollback 1.0.0")]
pub struct Rollback {
    /// Version to return to; by default the one that served before
    #[arg(value_name = "VERSION")]
    pub version: Option<Version>,
    /// Seconds the service may take until it answers, where it has to be started or launched
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
}

/// Who served before, and who serves now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolledBack {
    pub url: String,
    pub service: String,
    pub from: Option<Side>,
    pub to: Side,
    pub seconds: f64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    pub version: Version,
    pub digest: String,
    pub instance_id: String,
}

pub async fn run(args: Rollback, context: &Context) -> Result<ExitStatus> {
    context.printer.data(&rollback(&args, context).await?)?;
    Ok(ExitStatus::Success)
}

/// Rolls back and answers who served and who serves.
pub async fn rollback(args: &Rollback, context: &Context) -> Result<RolledBack> {
    let started = Instant::now();
    let service = context.recipe.service.to_string();
    let (address, instances) = tokio::try_join!(addresses::find(context), instances::list(&context.clients, &service))?;
    let address = address.ok_or_else(|| {
        user(format!("{service} has never been live in environment `{}`", context.environment.name))
            .hint("launch it with `veris launch`")
    })?;
    let live = instances.iter().find(|instance| Some(&instance.instance_id) == address.holder.as_ref());
    let timeout = Duration::from_secs(args.timeout);
    let to = match candidate::choose(&instances, live, args.version.as_ref())? {
        Candidate::Kept(kept) => {
            take_over(context, &address, kept, timeout).await?;
            if let Err(error) = remember(context, live, kept).await {
                // The roll back itself is done and proven.
                context.printer.talk(format_args!("warning: a later roll back may choose wrongly: {error:#}"));
            }
            side(kept)
        }
        Candidate::Image { below, user_data_of } => {
            let images = images::find(&context.clients, &context.recipe).await?;
            let image = candidate::image(&images, below, args.version.as_ref(), &service)?;
            let user_data = instances::user_data(&context.clients, &user_data_of.instance_id).await?;
            let deployed = deploy(context, image, &user_data, timeout).await?;
            if image.version < *below {
                mark(context, user_data_of).await?;
            }
            Side { version: image.version.clone(), digest: image.digest.clone(), instance_id: deployed.instance_id }
        }
    };
    Ok(RolledBack {
        url: Endpoint { address: address.ip, port: context.recipe.port }.url(),
        service,
        from: live.map(side),
        to,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Checks a kept instance and moves the address to it.
async fn take_over(context: &Context, address: &Address, kept: &Instance, timeout: Duration) -> Result<()> {
    let shield = context.interrupt.shield();
    let image = kept.image();
    let check = async {
        let mut stage = context.printer.stage(format!("Check {} on {}", kept.version, kept.instance_id));
        let (instance, patience) = if kept.state == State::Stopped {
            let started = instances::start(&context.clients, &kept.instance_id, &mut stage).await?;
            (started, Patience { deadline: timeout, ..KEPT })
        } else {
            (kept.clone(), KEPT)
        };
        // EC2 can have taken the instance's own address; then the check through the Elastic IP decides, and undoes.
        if let Some(own) = instance.public_ip {
            let endpoint = Endpoint { address: own, port: context.recipe.port };
            health::wait(endpoint, &image, patience, &mut stage).await?;
        }
        stage.done("");
        Ok(())
    };
    shield.run(check).await?;
    let mut stage = context.printer.stage(format!("Move the address {}", address.ip));
    let to = HandOver {
        clients: &context.clients,
        address,
        port: context.recipe.port,
        instance_id: &kept.instance_id,
        image: &image,
        promote: kept.promoted_at.is_none(),
    };
    hand_over(&to, &shield, &mut stage).await?;
    stage.done("");
    Ok(())
}

/// A version that was rolled back from is not returned to by itself, unless the user returns to it by name.
async fn remember(context: &Context, live: Option<&Instance>, now_live: &Instance) -> Result<()> {
    if now_live.rolled_back_at.is_some() {
        instances::untag(&context.clients, &now_live.instance_id, tags::ROLLED_BACK_AT).await?;
    }
    let back = |live: &&Instance| live.promoted_at.is_none() || live.promoted_at > now_live.promoted_at;
    if let Some(live) = live.filter(back) {
        mark(context, live).await?;
    }
    Ok(())
}

async fn mark(context: &Context, left: &Instance) -> Result<()> {
    instances::tag(&context.clients, &left.instance_id, tags::ROLLED_BACK_AT, &Timestamp::now().to_string()).await
}

fn side(instance: &Instance) -> Side {
    Side {
        version: instance.version.clone(),
        digest: instance.digest.clone(),
        instance_id: instance.instance_id.clone(),
    }
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.from.as_ref().map(|from| format!(" instead of {} ({})", from.version, from.instance_id));
        writeln!(f, "{} {} is live at {}{}", self.service, self.to.version, self.url, before.unwrap_or_default())?;
        writeln!(f, "  instance  {}", self.to.instance_id)?;
        writeln!(f, "  seconds   {:.1}", self.seconds)
    }
}
