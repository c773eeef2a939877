//! The control plane from start to stop.

use std::ffi::OsString;
use std::fs::TryLockError;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cloud::Cloud;
use crate::compute::Compute;
use crate::credentials::{Credentials, CredentialsError};
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::layout::Layout;
use crate::parent_image::Parent;
use crate::state::State;
use crate::store::{Store, StoreError};
use crate::{bake, guest_link, listen};

mod seed;

/// What a local cloud is made of.
#[derive(Debug, Clone)]
pub struct Options {
    pub layout: Layout,
    /// Port of the endpoint; otherwise the previous one where it is free, otherwise any.
    pub port: Option<u16>,
    /// The component runner, built for the guest.
    pub toe: PathBuf,
    /// Program and leading arguments of the process that carries a guest's connection; the cloud appends
    /// `--socket S --instance I --channel metadata|endpoint`.
    pub pipe: Vec<OsString>,
    pub parent: Parent,
    /// Whether requests may ask for faults with the header `x-local-cloud-fault`.
    pub faults: bool,
}

/// Why the control plane could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("failed to make the local cloud's directory")]
    Directory(#[source] io::Error),
    #[error("a local cloud already runs in `{directory}`; stop it with `veris local down`")]
    Running { directory: PathBuf },
    #[error("failed to open the local cloud's buckets")]
    Buckets(#[source] io::Error),
    #[error("the parent image's disk cannot be read; remove `{directory}` so that it is built again")]
    Parent { directory: PathBuf, source: io::Error },
    #[error("failed to listen on 127.0.0.1:{port}; end what uses the port, or choose another")]
    Bind { port: u16, source: io::Error },
    #[error("the local cloud's state could not be changed: {0}")]
    State(Fault),
    #[error("failed to listen for connections from guests")]
    Guests(#[source] io::Error),
    #[error("failed to write where the local cloud is reached")]
    Endpoint(#[source] io::Error),
}

/// Runs until `shutdown` is ready. Guests go on running.
pub async fn serve(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let Options { layout, port, toe, pipe, parent, faults } = options;
    fs_err::create_dir_all(&layout.directory).map_err(ServeError::Directory)?;
    let _lock = lock(&layout)?;
    let store = Store::open(layout.state())?;
    let store = Arc::new(if faults { store.remembering() } else { store });
    let credentials = Credentials::load_or_create(&layout)?;
    seed::parent(&store, &parent)?;
    let compute = Arc::new(Compute::new(Arc::clone(&store), layout.clone(), parent, pipe));
    let mut cloud = Cloud::new(store, layout, compute, credentials, toe)?;
    cloud.injects_faults = faults;
    let cloud = Arc::new(cloud);
    cloud.compute.reconcile().await.map_err(ServeError::State)?;
    bake::recover(&cloud).await;
    for image_id in cloud.compute.pending_copies() {
        let compute = Arc::clone(&cloud.compute);
        cloud.spawn(async move { compute.finish_copy(&image_id).await });
    }

    let listener = listen::bind(port, cloud.store.read(|state| state.port)).await?;
    let address = listener.local_addr().map_err(ServeError::Endpoint)?;
    let remember = |state: &mut State| {
        state.port = Some(address.port());
        Ok(())
    };
    cloud.store.change(remember).map_err(ServeError::State)?;
    let endpoint = Endpoint::of_this_process(format!("http://{address}")).map_err(ServeError::Endpoint)?;
    endpoint.write(&cloud.layout).map_err(ServeError::Endpoint)?;
    tracing::info!(url = %endpoint.url, "the local cloud is up");

    let ended = tokio::select! {
        () = listen::run(&cloud, listener, shutdown) => Ok(()),
        () = cloud.compute.watch_disks() => Ok(()),
        ended = guest_link::listen(Arc::clone(&cloud)) => ended.map_err(ServeError::Guests),
    };
    cloud.stop().await;
    endpoint.remove(&cloud.layout);
    tracing::info!("the local cloud is down");
    ended
}

/// Keeps a second control plane out of the directory for as long as the answer lives, also when this one is killed.
fn lock(layout: &Layout) -> Result<fs_err::File, ServeError> {
    let directory = fs_err::File::open(&layout.directory).map_err(ServeError::Directory)?;
    match directory.file().try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::WouldBlock) => Err(ServeError::Running { directory: layout.directory.clone() }),
        Err(TryLockError::Error(error)) => Err(ServeError::Directory(error)),
    }
}
