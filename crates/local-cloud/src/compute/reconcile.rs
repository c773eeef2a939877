//! What a control plane finds when it starts: guests that went on without it, and the traces of what was cut off.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::Compute;
use super::power::cut_power;
use crate::fault::Fault;
use crate::state::InstanceState;
use crate::vm::process::{Process, guests_below};

impl Compute {
    /// Takes up every guest that runs, finishes what was begun, and removes what belongs to nobody. Called once, at start.
    pub async fn reconcile(self: &Arc<Self>) -> Result<(), Fault> {
        let failed = |error: io::Error| Fault::internal(format!("failed to look for guests that run already: {error}"));
        let mut running = self.running_guests().map_err(failed)?;
        let known: Vec<(String, InstanceState)> = self
            .store
            .read(|state| state.instances.iter().map(|(id, instance)| (id.clone(), instance.state)).collect());
        for (id, state) in known {
            self.take_up(&id, state, running.remove(&id)).await?;
        }
        for (instance_id, guest) in running {
            tracing::warn!(instance_id, "a guest runs that belongs to no instance; it is ended");
            cut_power(&guest).await.map_err(failed)?;
        }
        self.remove_strange_directories().map_err(failed)?;
        self.collect_disks().await;
        Ok(())
    }

    async fn take_up(self: &Arc<Self>, id: &str, state: InstanceState, guest: Option<Process>) -> Result<(), Fault> {
        match (state, guest) {
            (InstanceState::Pending | InstanceState::Running, Some(guest)) => {
                self.attach(id, guest, None);
                let instance = self.change(id, |instance| instance.state = InstanceState::Running)?;
                self.restore_forwardings(&instance).await;
            }
            (InstanceState::Pending, None) => {
                tokio::spawn(Arc::clone(self).boot(id.to_owned()));
            }
            (InstanceState::Stopping, Some(guest)) => {
                self.attach(id, guest, None);
                let guest = self.guests().get(id).map(Arc::clone);
                if let Some(guest) = guest {
                    tokio::spawn(Arc::clone(self).power_off(id.to_owned(), guest));
                }
            }
            (InstanceState::Running | InstanceState::Stopping, None) => {
                self.mark_ended(id)?;
            }
            (InstanceState::ShuttingDown, guest) => {
                if let Some(guest) = guest {
                    self.attach(id, guest, None);
                }
                self.terminate(id).await?;
            }
            (InstanceState::Stopped | InstanceState::Terminated, Some(guest)) => {
                cut_power(&guest).await.map_err(|error| Fault::internal(format!("failed to end {id}: {error}")))?;
            }
            (InstanceState::Stopped | InstanceState::Terminated, None) => {}
        }
        Ok(())
    }

    fn running_guests(&self) -> io::Result<BTreeMap<String, Process>> {
        let guests = guests_below(&self.layout.directory.join("instances"))?;
        let named = guests.into_iter().filter_map(|(directory, process)| {
            let id = directory.file_name()?.to_str()?.to_owned();
            Some((id, process))
        });
        Ok(named.collect())
    }

    /// Directories of launches that were cut off before they were written down, and of terminated instances.
    fn remove_strange_directories(&self) -> io::Result<()> {
        let Ok(entries) = fs_err::read_dir(self.layout.directory.join("instances")) else { return Ok(()) };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let is_alive = self.store.read(|state| {
                let instance = name.to_str().and_then(|id| state.instances.get(id));
                instance.is_some_and(|instance| instance.state != InstanceState::Terminated)
            });
            if !is_alive {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}
