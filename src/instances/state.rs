//! Moving an instance from one state to another, and waiting until it is there.

use std::time::Duration;

use anyhow::Result;

use super::{Instance, State, get, is_unknown};
use crate::aws::{self, Clients};
use crate::error::cloud;
use crate::printer::Stage;
use crate::wait::{self, Patience, Seen};

/// AWS starts an instance in well under a minute; an emulated processor takes longer.
const RUNNING: Patience = Patience { deadline: Duration::from_mins(5), every: Duration::from_millis(500), streak: 3 };

/// Waiting for the end of an instance; AWS lets it shut down for minutes at times.
const GONE: Patience = Patience { deadline: Duration::from_mins(10), every: Duration::from_secs(1), streak: 1 };

/// Waits until the instance is running. An instance that ended instead is an error at once, with EC2's reason.
pub async fn wait_until_running(clients: &Clients, instance_id: &str, stage: &mut Stage) -> Result<Instance> {
    wait::until(RUNNING, &format!("instance {instance_id} is running"), stage, async || {
        let Some(instance) = get(clients, instance_id).await? else {
            return Ok(Seen::NotYet("EC2 does not know it yet".to_owned()));
        };
        match instance.state {
            State::Running => Ok(Seen::Good(instance)),
            State::Pending => Ok(Seen::NotYet("pending".to_owned())),
            State::Stopping | State::Stopped | State::ShuttingDown | State::Terminated => {
                let reason = instance.state_reason.as_deref().unwrap_or("EC2 gives no reason");
                Err(cloud(format!("instance {instance_id} ended instead of running: {reason}")).into())
            }
        }
    })
    .await
}

/// Starts a stopped instance and waits until it runs.
pub async fn start(clients: &Clients, instance_id: &str, stage: &mut Stage) -> Result<Instance> {
    let call = clients.ec2.start_instances().instance_ids(instance_id).send().await;
    call.map_err(|error| aws::describe(&format!("start instance {instance_id}"), &error))?;
    wait_until_running(clients, instance_id, stage).await
}

/// Terminates an instance and waits until EC2 says that it ends.
///
/// EC2 can answer that it does not know an instance which runs all the same, so only its state counts.
pub async fn terminate(clients: &Clients, instance_id: &str, stage: &mut Stage) -> Result<()> {
    wait::until(GONE, &format!("instance {instance_id} is terminated"), stage, async || {
        let call = clients.ec2.terminate_instances().instance_ids(instance_id).send().await;
        match call {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(is_unknown) => {}
            Err(error) => return Err(aws::describe(&format!("terminate instance {instance_id}"), &error).into()),
        }
        Ok(match get(clients, instance_id).await? {
            Some(instance) if instance.exists() => Seen::NotYet(instance.state.to_string()),
            Some(_) => Seen::Good(()),
            None => Seen::NotYet("EC2 does not know it".to_owned()),
        })
    })
    .await
}
