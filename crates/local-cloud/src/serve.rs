//! The control plane from start to stop.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;

use crate::credentials::CredentialsError;
use crate::layout::Layout;
use crate::parent_image::Parent;
use crate::store::StoreError;

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
}

/// Why the control plane could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// Runs until `shutdown` is ready.
pub async fn serve(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let _ = options;
    shutdown.await;
    Ok(())
}
