//! Whether a service answers, and whether it is the image it should be.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::exit_status::ExitStatus;
use crate::http;
use crate::images::BakedImage;
use crate::printer::Stage;
use crate::wait::{self, Patience, Seen};

/// What a healthy service answers to `GET /health`, to the byte.
const HEALTHY: &[u8] = br#"{"status":"healthy"}"#;

/// One try. Shorter than any wait between two, so that a service that hangs is seen soon.
const TRY: Duration = Duration::from_secs(3);

/// What `GET /version` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub service: String,
    pub version: semver::Version,
    pub digest: String,
    pub commit: String,
    /// Whether the service has read a `.env`; absent where it does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_file: Option<bool>,
}

/// Where a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Ipv4Addr,
    pub port: u16,
}

impl Endpoint {
    pub fn url(self) -> String {
        format!("http://{}:{}", self.address, self.port)
    }
}

/// Waits until the service at `endpoint` is healthy and is `image`.
pub async fn wait(endpoint: Endpoint, image: &BakedImage, patience: Patience, stage: &mut Stage) -> Result<()> {
    let what = format!("{} answers as {} {}", endpoint.url(), image.service, image.version);
    wait::until(patience, &what, stage, async || {
        Ok(match look(endpoint, image).await {
            Ok(()) => Seen::Good(()),
            Err(missing) => Seen::NotYet(missing),
        })
    })
    .await
    .map_err(|error| match error.downcast::<Failure>() {
        // The cloud did its part: it is the service that does not answer.
        Ok(failure) => failure
            .kind(ExitStatus::Unhealthy)
            .hint("the instance's console and the settings in `.env` tell why; a slow host needs a longer `--timeout`")
            .into(),
        Err(error) => error,
    })
}

/// One look; the error says what is missing.
pub async fn look(endpoint: Endpoint, image: &BakedImage) -> Result<(), String> {
    healthy(endpoint).await?;
    let serving = release(endpoint).await?;
    if serving.version != image.version || serving.digest != image.digest {
        return Err(format!(
            "{} serves {} {} (digest {}), not {} (digest {})",
            endpoint.url(),
            serving.service,
            serving.version,
            short(&serving.digest),
            image.version,
            short(&image.digest),
        ));
    }
    if serving.env_file == Some(false) {
        return Err(format!(
            "{} serves without the settings of its `.env`: its user data had not come when it started",
            endpoint.url()
        ));
    }
    Ok(())
}

/// Whether `/health` answers exactly what it should.
pub async fn healthy(endpoint: Endpoint) -> Result<(), String> {
    let url = format!("{}/health", endpoint.url());
    let answer = http::get(&url, TRY).await.map_err(|error| error.to_string())?;
    if answer.status != 200 || answer.body.as_ref() != HEALTHY {
        return Err(format!("{url} answered {} {}", answer.status, excerpt(&answer.body)));
    }
    Ok(())
}

/// What serves at `endpoint`.
pub async fn release(endpoint: Endpoint) -> Result<Release, String> {
    let url = format!("{}/version", endpoint.url());
    let answer = http::get(&url, TRY).await.map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("{url} answered {} {}", answer.status, excerpt(&answer.body)));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("{url} answered no release: {error}"))
}

/// The beginning of a digest, enough to tell two apart.
pub fn short(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..12).unwrap_or(digits)
}

fn excerpt(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).chars().take(80).collect();
    format!("{text:?}")
}

#[cfg(test)]
mod tests;
