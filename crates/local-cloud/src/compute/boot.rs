//! From pending to running, and what happens when a guest ends.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::process::Child;

use super::{Compute, first_boot, logs, saved, ssh};
use crate::fault::Fault;
use crate::parent_image::Parent;
use crate::state::{ACCOUNT, Image, Instance, InstanceState};
use crate::vm::accelerator::Accelerator;
use crate::vm::machine::{Beginning, Machine, SERVICE};
use crate::vm::process::Process;
use crate::vm::qmp::Qmp;
use crate::vm::saved::Saved;
use crate::vm::{self, VmError, disk};

impl Compute {
    /// Powers a pending instance on. Boxed, because the end of a guest leads here again.
    pub(super) async fn boot(self: Arc<Self>, instance_id: String) {
        let _turn = self.turn(&instance_id).await;
        let Ok(instance) = self.instance(&instance_id) else { return };
        if instance.state != InstanceState::Pending {
            return;
        }
        let is_new = !self.disk(&instance_id).exists();
        let booted = match self.power_on(&instance).await {
            Ok(()) => self.change(&instance_id, |instance| {
                instance.state = InstanceState::Running;
                instance.state_reason = None;
            }),
            Err(fault) => self.give_up(&instance_id, is_new, &fault),
        };
        match booted {
            Ok(instance) => {
                let state = instance.state.code_and_name().1;
                tracing::info!(instance_id, state, "an instance was booted");
            }
            Err(fault) => tracing::error!(instance_id, %fault, "failed to write down what became of an instance"),
        }
    }

    async fn power_on(self: &Arc<Self>, instance: &Instance) -> Result<(), Fault> {
        let id = &instance.instance_id;
        let disks = self.disks.read().await;
        let image = self.store.read(|state| state.find_image(&instance.image_id).cloned());
        let disk = self.disk(id);
        let base = if disk.exists() { None } else { Some(self.base(instance, image.as_ref())?) };
        let unreadable = |source| VmError::Io { attempt: "find the parent image below the instance's disk", source };
        let parent = disk::bottom_of(base.as_ref().unwrap_or(&disk)).and_then(|bottom| Parent::of_disk(&bottom));
        let parent = parent.map_err(|error| unreadable(error).fault())?;
        let accelerator = *self.accelerator.get_or_init(|| Accelerator::find(&self.layout.cache, &self.parent)).await;
        let directory = self.directory(id);
        let is_parent = image.is_some_and(|image| image.owner != ACCOUNT);
        let loading = first_boot::prepare(&directory, instance, &parent, is_parent).map_err(VmError::fault)?;
        let mut machine = Machine {
            instance_id: id,
            instance_type: &instance.instance_type,
            directory: &directory,
            boot: loading.boot(),
            accelerator,
            address: instance.address,
            agent: instance.agent,
            beginning: Beginning::Boot,
            cidata: directory.join("cidata").is_dir(),
            pipe: &self.pipe,
        };
        let can_be_saved = base.is_some() && is_parent && saved::is_worth_it(&machine);
        let saved = if can_be_saved { Saved::of(&parent, &machine, instance.volume_gib) } else { None };
        match (base, &saved) {
            (Some(base), Some(saved)) => {
                // Nobody removes a parent's disk, and what is saved takes its time.
                drop(disks);
                if let Some(vm::Started { process, child }) = self.go_on(&machine, saved).await {
                    self.attach(id, process, Some(child));
                    return Ok(());
                }
                disk::overlay(&base, &disk, instance.volume_gib).await.map_err(VmError::fault)?;
                saved::prepare(&mut machine).map_err(VmError::fault)?;
            }
            (Some(base), None) => {
                disk::overlay(&base, &disk, instance.volume_gib).await.map_err(VmError::fault)?;
                drop(disks);
            }
            (None, _) => drop(disks),
        }
        let vm::Started { process, child } = vm::start(&machine).await.map_err(VmError::fault)?;
        self.attach(id, process, Some(child));
        if let Some(saved) = saved {
            tokio::spawn(Arc::clone(self).save_when_booted(instance.clone(), saved));
        }
        self.restore_forwardings(instance).await;
        Ok(())
    }

    /// The disk that a new instance's disk lies over.
    fn base(&self, instance: &Instance, image: Option<&Image>) -> Result<PathBuf, Fault> {
        let image = image.ok_or_else(|| {
            let message = format!("The image id '[{}]' does not exist any more", instance.image_id);
            Fault::client("InvalidAMIID.NotFound", message)
        })?;
        self.image_disk(image)
    }

    /// Where an image's disk lies.
    fn image_disk(&self, image: &Image) -> Result<PathBuf, Fault> {
        // The images that a cloud is seeded with are parents themselves.
        if image.owner == ACCOUNT {
            return Ok(self.layout.image_disk(&image.image_id));
        }
        let failed = |reason: String| Fault::internal(format!("the parent image {} {reason}", image.image_id));
        match Parent::open(&self.layout.cache, &image.parent) {
            Ok(Some(parent)) => Ok(parent.disk),
            Ok(None) => {
                let place = self.layout.parents();
                Err(failed(format!(
                    "is not in the cache `{}` any more; choose it again with `veris local up`",
                    place.display()
                )))
            }
            Err(error) => Err(failed(format!("cannot be read: {error}"))),
        }
    }

    /// Opens the guest's ports on the Elastic IPs that point to it, and the one for SSH on its own address. Nobody logs in to a guest
    /// that the agent drives.
    pub(super) async fn restore_forwardings(&self, instance: &Instance) {
        let instance_id = &instance.instance_id;
        if instance.agent {
            return;
        }
        let addresses = self.elastic_ips_of(instance_id);
        let restored = async {
            let mut qmp = Qmp::connect(&self.directory(instance_id)).await?;
            for address in &addresses {
                // Removed first: QEMU refuses to open what is open.
                qmp.unforward(*address, SERVICE).await?;
                qmp.forward(*address, SERVICE).await?;
            }
            for address in addresses.into_iter().chain([instance.address]) {
                ssh::close(&mut qmp, address).await;
                ssh::open(&mut qmp, address).await;
            }
            Ok::<_, VmError>(())
        };
        if let Err(error) = restored.await {
            tracing::error!(instance_id, error = %error.fault(), "failed to lead an Elastic IP to its instance");
        }
    }

    /// A launch that fails ends in terminated, as on EC2; an instance that was there before stays.
    fn give_up(&self, instance_id: &str, is_new: bool, fault: &Fault) -> Result<Instance, Fault> {
        tracing::error!(instance_id, %fault, "failed to boot an instance");
        let reason = ("Server.InternalError".to_owned(), fault.message.clone());
        if is_new {
            self.release(instance_id)?;
        }
        self.change(instance_id, |instance| {
            instance.state = if is_new { InstanceState::Terminated } else { InstanceState::Stopped };
            instance.terminated = is_new.then(jiff::Timestamp::now);
            instance.state_reason = Some(reason);
        })
    }

    /// Remembers a guest's process and waits for its end.
    pub(super) fn attach(self: &Arc<Self>, instance_id: &str, process: Process, child: Option<Child>) {
        let guest = Arc::new(process);
        self.guests().insert(instance_id.to_owned(), Arc::clone(&guest));
        let (compute, instance_id) = (Arc::downgrade(self), instance_id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = wait_for_end(&guest, child).await {
                tracing::error!(instance_id, %error, "failed to wait for the end of a guest");
            }
            if let Some(compute) = compute.upgrade() {
                compute.ended(&instance_id, &guest).await;
            }
        });
    }

    /// A guest has ended, by itself or because it was asked to.
    async fn ended(&self, instance_id: &str, guest: &Arc<Process>) {
        let _turn = self.turn(instance_id).await;
        let is_ours = self.guests().get(instance_id).is_some_and(|registered| Arc::ptr_eq(registered, guest));
        if !is_ours {
            return;
        }
        self.guests().remove(instance_id);
        match self.mark_ended(instance_id) {
            Ok(instance) => tracing::info!(instance_id, reason = ?instance.state_reason, "a guest has ended"),
            Err(fault) => tracing::error!(instance_id, %fault, "failed to write down the end of a guest"),
        }
    }

    /// Makes an instance whose guest is gone stopped. One that was being stopped keeps its reason.
    pub(super) fn mark_ended(&self, instance_id: &str) -> Result<Instance, Fault> {
        let reason = if logs::powered_itself_off(&self.directory(instance_id)) {
            ("Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown")
        } else {
            ("Server.InternalError", "Server.InternalError: The guest ended without being shut down")
        };
        self.change(instance_id, |instance| match instance.state {
            InstanceState::Pending | InstanceState::Running => {
                instance.state = InstanceState::Stopped;
                instance.state_reason = Some((reason.0.to_owned(), reason.1.to_owned()));
            }
            InstanceState::Stopping => instance.state = InstanceState::Stopped,
            InstanceState::Stopped | InstanceState::ShuttingDown | InstanceState::Terminated => {}
        })
    }
}

async fn wait_for_end(guest: &Process, child: Option<Child>) -> io::Result<()> {
    guest.ended().await?;
    // A child that has ended stays a zombie until its status is collected.
    if let Some(mut child) = child {
        child.wait().await?;
    }
    Ok(())
}
