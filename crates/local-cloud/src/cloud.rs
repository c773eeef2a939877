//! What every handler shares.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use s3s::service::S3Service;
use tokio::task::JoinSet;

use crate::compute::Compute;
use crate::credentials::Credentials;
use crate::layout::Layout;
use crate::serve::ServeError;
use crate::service;
use crate::store::Store;

/// One running local cloud.
#[derive(Debug)]
pub struct Cloud {
    pub store: Arc<Store>,
    pub layout: Layout,
    pub compute: Arc<Compute>,
    /// The installation's key, with which the operator signs.
    pub credentials: Credentials,
    /// The component runner that is copied into build and test instances.
    pub toe: PathBuf,
    /// Whether a request may ask for a fault.
    pub injects_faults: bool,
    pub(crate) s3: S3Service,
    pub(crate) disks: service::ebs::Disks,
    pub(crate) ssh_keys: service::instance_connect::Keys,
    work: Mutex<JoinSet<()>>,
}

impl Cloud {
    /// Joins the parts; creates the directories they need.
    pub fn new(
        store: Arc<Store>,
        layout: Layout,
        compute: Arc<Compute>,
        credentials: Credentials,
        toe: PathBuf,
    ) -> Result<Self, ServeError> {
        let s3 = service::s3::open(&layout, &store, &credentials).map_err(ServeError::Buckets)?;
        Ok(Self {
            store,
            layout,
            compute,
            credentials,
            toe,
            injects_faults: false,
            s3,
            disks: service::ebs::Disks::default(),
            ssh_keys: service::instance_connect::Keys::default(),
            work: Mutex::default(),
        })
    }

    /// Runs work that outlives the request that asked for it, such as a bake. It is cut off when the cloud stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        // Finished work is let go here; its panics were already reported by the runtime.
        while running.try_join_next().is_some() {}
        running.spawn(work);
    }

    /// Cuts off what [`Cloud::spawn`] started and waits until it is gone.
    pub async fn stop(&self) {
        let mut running = std::mem::take(&mut *self.work.lock().unwrap_or_else(PoisonError::into_inner));
        running.shutdown().await;
    }
}
