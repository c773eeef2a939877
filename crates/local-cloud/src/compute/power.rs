//! Stop, start, terminate, and waiting for a guest that ends by itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;

use super::{Compute, capacity, incorrect_state};
use crate::fault::Fault;
use crate::state::{Instance, InstanceState};
use crate::vm::process::Process;
use crate::vm::qmp::Qmp;

/// How long a guest may take to shut down; one that is still booting does not hear its power button.
const GRACE: Duration = Duration::from_secs(45);
/// How long QEMU may take to write what it holds of the disk.
const FLUSH: Duration = Duration::from_secs(10);

impl Compute {
    /// Asks the guest to power off, and cuts the power after a grace period. Answers while the instance is stopping.
    pub async fn stop(self: &Arc<Self>, instance_id: &str) -> Result<Instance, Fault> {
        let _turn = self.turn(instance_id).await;
        let instance = self.instance(instance_id)?;
        match instance.state {
            InstanceState::Stopping | InstanceState::Stopped => return Ok(instance),
            InstanceState::Pending | InstanceState::Running => {}
            InstanceState::ShuttingDown | InstanceState::Terminated => {
                return Err(incorrect_state(&instance, "stopped"));
            }
        }
        let stopping = self.change(instance_id, |instance| {
            instance.state = InstanceState::Stopping;
            instance.state_reason = Some(user_initiated());
        })?;
        let guest = self.guests().get(instance_id).map(Arc::clone);
        match guest {
            Some(guest) => {
                tokio::spawn(Arc::clone(self).power_off(instance_id.to_owned(), guest));
                Ok(stopping)
            }
            None => self.mark_ended(instance_id),
        }
    }

    /// Boots a stopped instance from its disk. Answers while it is pending.
    pub async fn start(self: &Arc<Self>, instance_id: &str) -> Result<Instance, Fault> {
        let _turn = self.turn(instance_id).await;
        let instance = self.instance(instance_id)?;
        match instance.state {
            InstanceState::Pending | InstanceState::Running => return Ok(instance),
            InstanceState::Stopped => {}
            _ => return Err(incorrect_state(&instance, "started")),
        }
        let Instance { instance_type, subnet_id, .. } = &instance;
        self.store.read(|state| capacity::check(&self.layout, state, instance_type, subnet_id))?;
        let pending = self.change(instance_id, |instance| {
            instance.state = InstanceState::Pending;
            instance.state_reason = None;
            instance.launched = Timestamp::now();
        })?;
        tokio::spawn(Arc::clone(self).boot(instance_id.to_owned()));
        Ok(pending)
    }

    /// Ends the guest at once and removes its disk. Terminating twice is no error.
    pub async fn terminate(&self, instance_id: &str) -> Result<Instance, Fault> {
        let _turn = self.turn(instance_id).await;
        if self.instance(instance_id)?.state == InstanceState::Terminated {
            return self.instance(instance_id);
        }
        self.change(instance_id, |instance| {
            instance.state = InstanceState::ShuttingDown;
            instance.state_reason = Some(user_initiated());
        })?;
        let guest = self.guests().remove(instance_id);
        if let Some(guest) = guest {
            cut_power(&guest).await.map_err(|error| {
                let message = format!("failed to end the guest of {instance_id}: {error}");
                Fault::internal(message)
            })?;
        }
        self.release(instance_id)?;
        let terminated = self.change(instance_id, |instance| {
            instance.state = InstanceState::Terminated;
            instance.terminated = Some(Timestamp::now());
        })?;
        self.collect_disks().await;
        Ok(terminated)
    }

    /// Waits until a guest has powered itself off; cuts its power and fails after `deadline`.
    pub async fn wait_until_off(&self, instance_id: &str, deadline: Duration) -> Result<(), Fault> {
        let mut changes = self.changes.subscribe();
        let off = async {
            loop {
                let instance = self.instance(instance_id)?;
                match instance.state {
                    InstanceState::Stopped => return how_it_ended(&instance),
                    InstanceState::ShuttingDown | InstanceState::Terminated => return Err(was_terminated(&instance)),
                    InstanceState::Pending | InstanceState::Running | InstanceState::Stopping => {}
                }
                // The sender lives as long as this object.
                let _ = changes.changed().await;
            }
        };
        let Ok(ended) = tokio::time::timeout(deadline, off).await else {
            let guest = self.guests().get(instance_id).map(Arc::clone);
            if let Some(guest) = guest {
                // Its end is noticed by who waits for it.
                let _ = cut_power(&guest).await;
            }
            let seconds = deadline.as_secs();
            let message = format!("the instance {instance_id} was still on after {seconds} seconds; its power was cut");
            return Err(Fault::internal(message));
        };
        ended
    }

    /// The power button first, then QEMU's own end, which still writes the disk, then the hard way.
    pub(super) async fn power_off(self: Arc<Self>, instance_id: String, guest: Arc<Process>) {
        let pressed = async { Qmp::connect(&self.directory(&instance_id)).await?.power_down().await };
        match pressed.await {
            Ok(()) if tokio::time::timeout(GRACE, guest.ended()).await.is_ok() => return,
            Ok(()) => tracing::warn!(instance_id, "a guest did not shut down in time; its power is cut"),
            Err(error) => tracing::warn!(instance_id, error = %error.fault(), "failed to press the power button"),
        }
        if let Err(error) = cut_power(&guest).await {
            tracing::error!(instance_id, %error, "failed to cut a guest's power");
        }
    }

    /// Gives back what only a living instance holds: its addresses, its credentials, its files.
    pub(super) fn release(&self, instance_id: &str) -> Result<(), Fault> {
        self.store.change(|state| {
            for address in state.addresses.values_mut() {
                address.association.take_if(|association| association.instance_id == instance_id);
            }
            state.sessions.retain(|_, session| session.instance_id != instance_id);
            Ok(())
        })?;
        match fs_err::remove_dir_all(self.directory(instance_id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Fault::internal(format!("failed to remove the files of {instance_id}: {error}")))
            }
            _ => Ok(()),
        }
    }
}

pub(super) async fn cut_power(guest: &Process) -> io::Result<()> {
    guest.signal(Signal::TERM)?;
    if tokio::time::timeout(FLUSH, guest.ended()).await.is_ok() {
        return Ok(());
    }
    guest.signal(Signal::KILL)?;
    guest.ended().await
}

fn user_initiated() -> (String, String) {
    let code = "Client.UserInitiatedShutdown";
    (code.to_owned(), format!("{code}: User initiated shutdown"))
}

fn how_it_ended(instance: &Instance) -> Result<(), Fault> {
    match &instance.state_reason {
        Some((code, message)) if code.starts_with("Server.") => {
            Err(Fault::internal(format!("the instance {} failed: {message}", instance.instance_id)))
        }
        _ => Ok(()),
    }
}

fn was_terminated(instance: &Instance) -> Fault {
    let reason = instance.state_reason.as_ref().map_or("no reason is known", |(_, message)| message.as_str());
    Fault::internal(format!("the instance {} was terminated: {reason}", instance.instance_id))
}
