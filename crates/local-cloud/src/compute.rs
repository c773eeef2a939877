//! Instances and their disks: what EC2's handlers and Image Builder's bake ask of the guests.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::layout::Layout;
use crate::state::{Image, Instance, Tags};
use crate::store::Store;

/// What `RunInstances` asks for, one instance at a time.
#[derive(Debug, Clone, Default)]
pub struct LaunchRequest {
    pub image_id: String,
    pub instance_type: String,
    /// Raw user data, at most 16,384 bytes.
    pub user_data: Option<Vec<u8>>,
    pub key_name: Option<String>,
    pub security_groups: Vec<String>,
    pub instance_profile: Option<String>,
    pub volume_gib: Option<u32>,
    pub http_put_response_hop_limit: u8,
    pub client_token: Option<String>,
    pub tags: Tags,
    /// Present for build and test instances: the tar file the agent unpacks and runs (see ARCHITECTURE.md, "The agent").
    pub agent_seed: Option<PathBuf>,
}

/// Name and tags of the image to be made from a stopped instance's disk.
#[derive(Debug, Clone, Default)]
pub struct NewImage {
    pub name: String,
    pub description: String,
    pub tags: Tags,
}

/// Drives the guests and keeps [`State`](crate::state::State) in step with them.
#[derive(Debug)]
pub struct Compute {
    pub store: Arc<Store>,
    pub layout: Layout,
}

impl Compute {
    /// Placeholder: helper vm.
    pub fn new(
        store: Arc<Store>,
        layout: Layout,
        parent: crate::parent_image::Parent,
        pipe: Vec<std::ffi::OsString>,
    ) -> Self {
        let _ = (parent, pipe);
        Self { store, layout }
    }

    /// Placeholder: helper vm.
    pub async fn reconcile(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Starts an instance and answers while it is pending. A repeated client token answers the first instance.
    pub async fn launch(&self, request: LaunchRequest) -> Result<Instance, Fault> {
        let _ = request;
        todo!("vm")
    }

    /// Asks the guest to power off, and cuts the power after a grace period.
    pub async fn stop(&self, instance_id: &str) -> Result<Instance, Fault> {
        let _ = instance_id;
        todo!("vm")
    }

    pub async fn start(&self, instance_id: &str) -> Result<Instance, Fault> {
        let _ = instance_id;
        todo!("vm")
    }

    /// Ends the guest at once and removes its disk. Terminating twice is no error.
    pub async fn terminate(&self, instance_id: &str) -> Result<Instance, Fault> {
        let _ = instance_id;
        todo!("vm")
    }

    /// Waits until a guest has powered itself off; cuts its power and fails after `deadline`.
    pub async fn wait_until_off(&self, instance_id: &str, deadline: Duration) -> Result<(), Fault> {
        let _ = (instance_id, deadline);
        todo!("vm")
    }

    /// The serial console so far.
    pub fn console(&self, instance_id: &str) -> String {
        let _ = instance_id;
        todo!("vm")
    }

    /// What the agent in the guest has written so far.
    pub fn agent_log(&self, instance_id: &str) -> String {
        let _ = instance_id;
        todo!("vm")
    }

    /// Makes an available AMI (and its snapshot) from the disk of an instance that is off.
    pub async fn create_image(&self, instance_id: &str, new: NewImage) -> Result<Image, Fault> {
        let _ = (instance_id, new);
        todo!("vm")
    }

    /// Forgets an AMI; `with_snapshot` also removes its disk.
    pub async fn deregister_image(&self, image_id: &str, with_snapshot: bool) -> Result<(), Fault> {
        let _ = (image_id, with_snapshot);
        todo!("vm")
    }

    /// Reserves a free loopback address.
    pub async fn allocate_address(&self, tags: Tags) -> Result<crate::state::Address, Fault> {
        let _ = tags;
        todo!("vm")
    }

    /// Moves an Elastic IP to a running instance; answers the association id.
    pub async fn associate_address(&self, allocation_id: &str, instance_id: &str) -> Result<String, Fault> {
        let _ = (allocation_id, instance_id);
        todo!("vm")
    }

    pub async fn disassociate_address(&self, association_id: &str) -> Result<(), Fault> {
        let _ = association_id;
        todo!("vm")
    }

    /// The loopback address of an instance, for a request that came from its guest.
    pub fn address_of(&self, instance_id: &str) -> Option<Ipv4Addr> {
        self.store.read(|state| state.instances.get(instance_id).map(|instance| instance.address))
    }
}
