//! Guests that QEMU has paused because the host's disk is full: noticed, said, and resumed when there is room again.

use std::time::Duration;

use futures_util::future::join_all;

use super::Compute;
use crate::parent_image::free_bytes;
use crate::state::{Instance, InstanceState};
use crate::vm::VmError;
use crate::vm::qmp::Qmp;

/// How often guests are looked at. QEMU says it only to whoever listens at that moment, and the monitor has one line.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// With less room a guest would be paused again at once.
const ENOUGH: u64 = 64 * 1024 * 1024;
/// The code in the instance's state reason for as long as it is paused.
const CODE: &str = "Server.InsufficientDiskSpace";

impl Compute {
    /// Looks after the guests' disks until it is dropped.
    pub async fn watch_disks(&self) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let running: Vec<Instance> = self.store.read(|state| {
                let running = state.instances.values().filter(|instance| instance.state == InstanceState::Running);
                running.cloned().collect()
            });
            join_all(running.iter().map(|instance| self.look_at_disk(instance))).await;
        }
    }

    async fn look_at_disk(&self, instance: &Instance) {
        let id = &instance.instance_id;
        let looked = async {
            let mut qmp = Qmp::connect(&self.directory(id)).await?;
            let is_paused = qmp.is_out_of_space().await?;
            let has_room = free_bytes(&self.layout.directory).is_ok_and(|free| free >= ENOUGH);
            if is_paused && has_room {
                qmp.resume().await?;
            }
            Ok::<_, VmError>(is_paused && !has_room)
        };
        match looked.await {
            Ok(is_paused) => self.say_whether_paused(instance, is_paused),
            // It may have ended just now, which is noticed elsewhere.
            Err(error) => tracing::debug!(instance_id = id, error = %error.fault(), "failed to look at a guest"),
        }
    }

    fn say_whether_paused(&self, instance: &Instance, is_paused: bool) {
        let id = &instance.instance_id;
        if is_paused == instance.is_out_of_space() {
            return;
        }
        let reason = is_paused.then(|| (CODE.to_owned(), self.reason(id)));
        if is_paused {
            tracing::error!(instance_id = id, "a guest is paused, because the disk is full");
        } else {
            tracing::info!(instance_id = id, "a guest goes on, because the disk has room again");
        }
        let said = self.change(id, |instance| {
            if instance.state == InstanceState::Running {
                instance.state_reason = reason;
            }
        });
        if let Err(fault) = said {
            // It is tried again at the next look.
            tracing::warn!(instance_id = id, %fault, "failed to write down that a guest is paused");
        }
    }

    fn reason(&self, instance_id: &str) -> String {
        format!(
            "{CODE}: The guest {instance_id} is paused, because the disk below `{}` is full; free some space there, and it goes on",
            self.layout.directory.display()
        )
    }
}

impl Instance {
    /// Whether the guest is paused until the host's disk has room again.
    pub fn is_out_of_space(&self) -> bool {
        self.state_reason.as_ref().is_some_and(|(code, _)| code == CODE)
    }
}
