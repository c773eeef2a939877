//! Instances and their disks: what EC2's handlers and Image Builder's bake ask of the guests.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, OwnedMutexGuard, watch};

use crate::fault::Fault;
use crate::layout::Layout;
use crate::parent_image::Parent;
use crate::state::{Instance, InstanceState, State};
use crate::store::Store;
use crate::vm::accelerator::Accelerator;
use crate::vm::process::Process;

mod addresses;
mod boot;
mod capacity;
mod copies;
mod first_boot;
mod full_disk;
mod images;
mod launch;
mod logs;
mod loopback;
mod power;
mod reconcile;
mod saved;
pub mod ssh;

pub use images::NewImage;
pub(crate) use images::check_name;
pub use launch::LaunchRequest;
pub(crate) use loopback::MOST_ELASTIC_IPS;

/// Drives the guests and keeps [`State`] in step with them.
#[derive(Debug)]
pub struct Compute {
    pub store: Arc<Store>,
    pub layout: Layout,
    parent: Parent,
    /// Program and leading arguments of the process that carries a guest's connection.
    pipe: Vec<OsString>,
    accelerator: OnceCell<Accelerator>,
    /// The QEMU of each instance that runs.
    guests: Mutex<HashMap<String, Arc<Process>>>,
    /// One change of an instance's power at a time.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// One choice or move of a loopback address at a time.
    addresses: tokio::sync::Mutex<()>,
    /// Shared by those who make a disk that the state does not know yet, and held alone by who removes the unneeded ones.
    disks: tokio::sync::RwLock<()>,
    /// Touched whenever an instance has changed its state.
    changes: watch::Sender<()>,
}

impl Compute {
    /// Joins the parts. Nothing runs before [`Compute::reconcile`].
    pub fn new(store: Arc<Store>, layout: Layout, parent: Parent, pipe: Vec<OsString>) -> Self {
        Self {
            store,
            layout: layout.canonical(),
            parent,
            pipe,
            accelerator: OnceCell::new(),
            guests: Mutex::default(),
            turns: Mutex::default(),
            addresses: tokio::sync::Mutex::default(),
            disks: tokio::sync::RwLock::default(),
            changes: watch::Sender::default(),
        }
    }

    /// The loopback address of an instance, for a request that came from its guest.
    pub fn address_of(&self, instance_id: &str) -> Option<Ipv4Addr> {
        self.store.read(|state| state.instances.get(instance_id).map(|instance| instance.address))
    }

    fn instance(&self, instance_id: &str) -> Result<Instance, Fault> {
        self.store.read(|state| state.instances.get(instance_id).cloned()).ok_or_else(|| unknown(instance_id))
    }

    /// Changes an instance and wakes those who wait for its state.
    fn change(&self, instance_id: &str, change: impl FnOnce(&mut Instance)) -> Result<Instance, Fault> {
        let changed = self.store.change(|state| {
            let instance = state.instances.get_mut(instance_id).ok_or_else(|| unknown(instance_id))?;
            change(instance);
            let changed = instance.clone();
            forget_terminated(state);
            Ok(changed)
        });
        self.changes.send_replace(());
        changed
    }

    fn guests(&self) -> MutexGuard<'_, HashMap<String, Arc<Process>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the instance's turn: its power is changed by the holder alone.
    async fn turn(&self, instance_id: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(instance_id.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    fn directory(&self, instance_id: &str) -> PathBuf {
        self.layout.instance(instance_id)
    }

    fn disk(&self, instance_id: &str) -> PathBuf {
        self.directory(instance_id).join("disk.qcow2")
    }
}

/// EC2 shows a terminated instance for about an hour.
fn forget_terminated(state: &mut State) {
    const SHOWN: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
    let now = jiff::Timestamp::now();
    state.instances.retain(|_, instance| {
        let is_terminated = instance.state == InstanceState::Terminated;
        !is_terminated || instance.terminated.is_some_and(|terminated| now.duration_since(terminated) < SHOWN)
    });
}

fn unknown(instance_id: &str) -> Fault {
    Fault::client("InvalidInstanceID.NotFound", format!("The instance ID '{instance_id}' does not exist"))
}

fn incorrect_state(instance: &Instance, wanted: &str) -> Fault {
    let (id, (_, name)) = (&instance.instance_id, instance.state.code_and_name());
    let message = format!("The instance '{id}' is {name} and cannot be {wanted}.");
    Fault::client("IncorrectInstanceState", message)
}
