//! Endpoint and credentials of the local cloud.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::environment::Environment;
use crate::error::{cloud, internal};
use crate::local;

#[derive(Deserialize)]
struct EndpointFile {
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialsFile {
    access_key_id: String,
    secret_access_key: String,
}

/// Nothing of the process's AWS settings is used: they belong to another cloud.
pub(super) async fn config(environment: &Environment) -> Result<SdkConfig> {
    let layout = local::layout()?;
    let down = || cloud("the local cloud is not running").hint("start it with `veris local up`");
    let endpoint: EndpointFile = read(&layout.endpoint())?.ok_or_else(down)?;
    let credentials: CredentialsFile = read(&layout.credentials())?.ok_or_else(down)?;
    let url = url::Url::parse(&endpoint.url)?;
    let address = (url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or(80));
    match tokio::time::timeout(Duration::from_secs(2), TcpStream::connect(address)).await {
        Ok(Ok(_)) => {}
        _ => return Err(down().into()),
    }
    let credentials =
        Credentials::new(credentials.access_key_id, credentials.secret_access_key, None, None, "veris local cloud");
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment.region.clone()))
        .endpoint_url(endpoint.url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(super::timeouts())
        .build())
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        internal(format!("`{}` is damaged", path.display()))
            .hint("`veris local down`, then `veris local up` writes it again")
            .source(error)
    })?;
    Ok(Some(value))
}
