//! Moving an instance from one state to another, and waiting until it is there.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_ec2::types::SummaryStatus;

use super::{Instance, State, get, is_unknown, look, state_of};
use crate::aws::{self, Clients};
use crate::error::cloud;
use crate::printer::Stage;
use crate::wait::{self, Patience, Seen};

/// AWS starts an instance in well under a minute; an emulated processor takes longer.
const RUNNING: Duration = Duration::from_mins(5);

/// An operating system may take its time to shut down; after some minutes AWS switches the machine off.
const STOPPED: Duration = Duration::from_mins(10);

/// Waiting for the end of an instance; AWS lets it shut down for minutes at times.
const GONE: Patience = Patience { deadline: Duration::from_mins(10), every: Duration::from_secs(1), streak: 1 };

/// Waits until the instance is running. An instance that ended instead is an error at once, with EC2's reason.
pub async fn wait_until_running(
    clients: &Clients,
    instance_id: &str,
    every: Duration,
    stage: &mut Stage,
) -> Result<Instance> {
    let patience = Patience { deadline: RUNNING, every, streak: 3 };
    wait::until(patience, &format!("instance {instance_id} is running"), stage, async || {
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
pub async fn start(clients: &Clients, instance_id: &str, every: Duration, stage: &mut Stage) -> Result<Instance> {
    let call = clients.ec2.start_instances().instance_ids(instance_id).send().await;
    call.map_err(|error| aws::describe(&format!("start instance {instance_id}"), &error))?;
    wait_until_running(clients, instance_id, every, stage).await
}

/// Asks an instance to shut down, and does not wait for it.
pub async fn stop(clients: &Clients, instance_id: &str) -> Result<()> {
    let call = clients.ec2.stop_instances().instance_ids(instance_id).send().await;
    call.map_err(|error| aws::describe(&format!("stop instance {instance_id}"), &error))?;
    Ok(())
}

/// Waits until an instance that was asked to stop has stopped.
pub async fn wait_until_stopped(
    clients: &Clients,
    instance_id: &str,
    every: Duration,
    stage: &mut Stage,
) -> Result<()> {
    let patience = Patience { deadline: STOPPED, every, streak: 1 };
    wait::until(patience, &format!("instance {instance_id} has stopped"), stage, async || {
        match get(clients, instance_id).await?.map(|instance| instance.state) {
            Some(State::Stopped) => Ok(Seen::Good(())),
            Some(end @ (State::ShuttingDown | State::Terminated)) => {
                Err(cloud(format!("instance {instance_id} is {end} instead of stopped")).into())
            }
            Some(other) => Ok(Seen::NotYet(other.to_string())),
            None => Ok(Seen::NotYet("EC2 does not know it".to_owned())),
        }
    })
    .await
}

/// Fails where EC2's own checks of the machine fail. Checks that are not made yet are not waited for: the service has answered.
pub async fn refuse_impaired(clients: &Clients, instance_id: &str) -> Result<()> {
    let answer = clients.ec2.describe_instance_status().instance_ids(instance_id).send().await;
    let answer = answer.map_err(|error| aws::describe(&format!("read the status checks of {instance_id}"), &error))?;
    for status in answer.instance_statuses() {
        let checks = [("instance", status.instance_status()), ("system", status.system_status())];
        for (check, summary) in checks {
            if summary.and_then(|summary| summary.status()) == Some(&SummaryStatus::Impaired) {
                return Err(cloud(format!("EC2's {check} status check of {instance_id} fails")).into());
            }
        }
    }
    Ok(())
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
        Ok(match look(clients, instance_id).await?.as_ref().and_then(state_of) {
            Some(now) if now.exists() => Seen::NotYet(now.to_string()),
            Some(_) => Seen::Good(()),
            None => Seen::NotYet("EC2 does not know it".to_owned()),
        })
    })
    .await
}
