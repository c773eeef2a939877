//! Build instances go on from a guest that was saved when it had booted. The first one over a parent image is that guest.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Compute;
use crate::parent_image::free_bytes;
use crate::state::Instance;
use crate::vm::accelerator::Accelerator;
use crate::vm::machine::{Beginning, Boot, Machine, memory_mib};
use crate::vm::qmp::Qmp;
use crate::vm::saved::{Saved, give_orders, make_pipes, waits_for_orders};
use crate::vm::{self, Started, VmError};

/// How long a guest's memory may take from its file.
const LOADING: Duration = Duration::from_mins(2);
const MEMORY: &str = "memory";

/// A machine with a processor of its own boots in the time that its memory takes to a file and back. One with a loader of its own has an
/// agent that does not wait.
pub(super) fn is_worth_it(machine: &Machine<'_>) -> bool {
    machine.agent && machine.accelerator == Accelerator::Tcg && matches!(machine.boot, Boot::Kernel { .. })
}

/// Has the machine wait for its orders once it has booted.
pub(super) fn prepare(machine: &mut Machine<'_>) -> Result<(), VmError> {
    machine.beginning = Beginning::BootToBeSaved;
    make_pipes(machine.directory)
        .map_err(|source| VmError::Io { attempt: "make the pipes for a guest's orders", source })
}

impl Compute {
    /// Starts an instance where a saved one was. `None` where there is none, or it was of no use; it is gone then, and so is the disk.
    pub(super) async fn go_on(&self, machine: &Machine<'_>, saved: &Saved) -> Option<Started> {
        if !saved.exists() {
            return None;
        }
        let memory = saved.memory();
        let machine = Machine { beginning: Beginning::Saved(&memory), ..*machine };
        match load(&machine, saved).await {
            Ok(started) => Some(started),
            Err(error) => {
                let (instance_id, error) = (machine.instance_id, error.fault());
                tracing::warn!(instance_id, %error, "a saved guest cannot be used and is removed; the instance boots");
                let removed = saved.remove().and_then(|()| fs_err::remove_file(self.disk(instance_id)));
                if let Err(error) = removed {
                    tracing::warn!(instance_id, %error, "failed to remove a saved guest");
                }
                None
            }
        }
    }

    /// Saves an instance as soon as it has booted, and gives it its orders. Whoever cannot be saved goes on all the same.
    pub(super) async fn save_when_booted(self: Arc<Self>, instance: Instance, saved: Saved) {
        let id = &instance.instance_id;
        let directory = self.directory(id);
        match waits_for_orders(&directory).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(instance_id = id, %error, "a guest is not heard when it has booted");
                return;
            }
        }
        let began = Instant::now();
        match save(&directory, memory_mib(&instance.instance_type), &saved).await {
            Ok(()) => {
                let seconds = began.elapsed().as_secs_f64();
                tracing::info!(instance_id = id, seconds, "a booted guest was saved");
            }
            Err(error) => tracing::warn!(instance_id = id, error = %error.fault(), "a booted guest was not saved"),
        }
        if let Err(error) = order(&directory).await {
            tracing::error!(instance_id = id, error = %error.fault(), "a guest does not get its orders");
        }
    }
}

/// Starts QEMU with the memory of a saved guest, and waits until it has read all of it.
async fn load(machine: &Machine<'_>, saved: &Saved) -> Result<Started, VmError> {
    let failed = |attempt| move |source| VmError::Io { attempt, source };
    saved.copy_disk(&machine.directory.join("disk.qcow2")).map_err(failed("copy the disk of a saved guest"))?;
    make_pipes(machine.directory).map_err(failed("make the pipes for a guest's orders"))?;
    let mut started = vm::start(machine).await?;
    match order_when_loaded(machine.directory).await {
        Ok(()) => Ok(started),
        Err(error) => {
            // It may have ended by itself already.
            let _ = started.child.kill().await;
            Err(error)
        }
    }
}

async fn order_when_loaded(directory: &Path) -> Result<(), VmError> {
    let deadline = Instant::now() + LOADING;
    loop {
        if Qmp::connect(directory).await?.is_loaded().await? {
            return order(directory).await;
        }
        if Instant::now() > deadline {
            return Err(VmError::Silent);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Lets a guest go on that is paused and waits for its orders.
async fn order(directory: &Path) -> Result<(), VmError> {
    Qmp::connect(directory).await?.resume().await?;
    give_orders(directory).map_err(|source| VmError::Io { attempt: "give a guest its orders", source })
}

async fn save(directory: &Path, memory_mib: u32, saved: &Saved) -> Result<(), VmError> {
    let failed = |attempt| move |source| VmError::Io { attempt, source };
    // Its disk is written as well, and something has to be left for those who go on with theirs.
    let needed = 2 * (u64::from(memory_mib) << 20);
    if free_bytes(directory).is_ok_and(|free| free < needed) {
        return Err(failed("save a guest")(std::io::ErrorKind::StorageFull.into()));
    }
    Qmp::connect(directory).await?.save(MEMORY).await?;
    let memory = directory.join(MEMORY);
    let kept = saved.keep(&memory, &directory.join("disk.qcow2"));
    if memory.exists() {
        fs_err::remove_file(&memory).map_err(failed("remove what was saved of a guest"))?;
    }
    kept.map_err(failed("keep what was saved of a guest"))
}
