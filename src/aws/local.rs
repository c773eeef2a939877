//! Endpoint and credentials of the local cloud.

use anyhow::Result;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use local_cloud::layout::Layout;

use crate::environment::Environment;
use crate::error::{Failure, cloud, internal};
use crate::local::daemon;

/// Nothing of the process's AWS settings is used: they belong to another cloud.
pub(super) async fn config(layout: &Layout, environment: &Environment) -> Result<SdkConfig> {
    let endpoint = daemon::running(layout).ok_or_else(down)?;
    if !daemon::answers(&endpoint).await {
        return Err(down().into());
    }
    let key = local_cloud::credentials::Credentials::load_or_create(layout)
        .map_err(|error| internal("failed to sign in to the local cloud").source(error))?;
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "veris local cloud");
    Ok(at(endpoint.url, credentials, environment))
}

/// One endpoint for every service.
pub(super) fn at(url: String, credentials: Credentials, environment: &Environment) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment.region.clone()))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(super::timeouts())
        // Without TLS: no certificates are loaded for a cloud that has none.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

fn down() -> Failure {
    cloud("the local cloud is not running").hint("start it with `veris local up`")
}
