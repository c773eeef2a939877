//! From an image to the instance behind the address; everything is taken back when a step fails.

use std::time::Duration;

use anyhow::{Error, Result};

use crate::addresses::{self, Address, HandOver, hand_over};
use crate::context::Context;
use crate::error::cloud;
use crate::health::{self, Endpoint};
use crate::images::BakedImage;
use crate::instances::{self, Instance};
use crate::interrupt::Shield;
use crate::user_data::UserData;
use crate::wait::Patience;

/// Lines of the console that are shown when a launch failed.
const CONSOLE_LINES: usize = 20;

/// An instance that serves.
#[derive(Debug)]
pub struct Deployed {
    pub instance_id: String,
    /// The address, with the holder it had before.
    pub address: Address,
}

/// Runs an instance of `image`, waits until it proves to be that image, and puts it behind the address.
///
/// When a step fails or the user interrupts, the new instance is terminated and whoever served before serves on.
pub async fn deploy(
    context: &Context,
    image: &BakedImage,
    user_data: &UserData,
    timeout: Duration,
) -> Result<Deployed> {
    let shield = context.interrupt.shield();
    let stage = context.printer.stage(format!("Run an instance of {} {}", image.service, image.version));
    // Not interruptible: an instance must never start without its id being known here.
    let instance_id = instances::run(context, image, user_data).await?;
    stage.done(&instance_id);
    match promote(context, image, &instance_id, timeout, &shield).await {
        Ok(address) => Ok(Deployed { instance_id, address }),
        Err(error) => Err(take_back(context, &instance_id, error).await),
    }
}

async fn promote(
    context: &Context,
    image: &BakedImage,
    instance_id: &str,
    timeout: Duration,
    shield: &Shield,
) -> Result<Address> {
    shield.run(ready(context, image, instance_id, timeout)).await?;
    let address = addresses::find_or_allocate(context).await?;
    let mut stage = context.printer.stage(format!("Move the address {}", address.ip));
    let to = HandOver {
        clients: &context.clients,
        address: &address,
        port: context.recipe.port,
        instance_id,
        image,
        promote: true,
    };
    hand_over(&to, shield, &mut stage).await?;
    stage.done("");
    Ok(address)
}

/// Waits until the instance runs and its service answers as `image`.
async fn ready(context: &Context, image: &BakedImage, instance_id: &str, timeout: Duration) -> Result<()> {
    let mut stage = context.printer.stage("Wait until it runs");
    let instance = instances::wait_until_running(&context.clients, instance_id, &mut stage).await?;
    stage.done("");
    let endpoint = endpoint(context, &instance)?;
    let mut stage = context.printer.stage(format!("Wait until {} answers", endpoint.url()));
    let patience = Patience { deadline: timeout, every: Duration::from_millis(500), streak: 3 };
    health::wait(endpoint, image, patience, &mut stage).await?;
    stage.done(format!("{} {}", image.service, image.version));
    Ok(())
}

fn endpoint(context: &Context, instance: &Instance) -> Result<Endpoint> {
    let missing = || {
        cloud(format!("instance {} has no public address on which its service could be checked", instance.instance_id))
            .hint("use a subnet that assigns public addresses")
    };
    Ok(Endpoint { address: instance.public_ip.ok_or_else(missing)?, port: context.recipe.port })
}

async fn take_back(context: &Context, instance_id: &str, error: Error) -> Error {
    let printer = &context.printer;
    let lines = instances::last_lines(&context.clients, instance_id, CONSOLE_LINES).await;
    if !lines.is_empty() {
        printer.talk(format_args!("The last lines of the console of {instance_id}:"));
        for line in lines {
            printer.talk(format_args!("  {line}"));
        }
    }
    let mut stage = printer.stage(format!("Terminate {instance_id}"));
    match instances::terminate(&context.clients, instance_id, &mut stage).await {
        Ok(()) => {
            stage.done("");
            error.context(format!("the launch failed, and instance {instance_id} was terminated"))
        }
        Err(second) => {
            stage.fail("");
            error.context(format!(
                "the launch failed, and instance {instance_id} could not be terminated ({second:#}); remove it with \
                 `veris terminate {instance_id}`"
            ))
        }
    }
}
