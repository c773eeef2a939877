//! `WebDownload`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use url::Url;

use super::create_file::create_parents;
use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};
use crate::download::checksum::{Algorithm, Checksum};
use crate::download::{Download, DownloadError};

/// The language's own attempts, besides the step's `maxAttempts`.
const ATTEMPTS: u32 = 5;
const REDIRECTS: u32 = 10;

#[derive(Deserialize)]
#[serde(try_from = "Inputs")]
pub(super) struct WebDownload {
    inputs: Inputs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Inputs {
    source: Setting<WebUrl>,
    destination: String,
    overwrite: Option<Setting<bool>>,
    checksum: Option<Setting<String>>,
    algorithm: Option<Setting<Algorithm>>,
    ignore_certificate_errors: Option<Setting<bool>>,
}

#[derive(Debug, Clone)]
struct WebUrl(Url);

impl TryFrom<Inputs> for WebDownload {
    type Error = String;

    fn try_from(inputs: Inputs) -> Result<Self, String> {
        let algorithm = match &inputs.algorithm {
            None => Some(None),
            Some(Setting::Known(algorithm)) => Some(Some(*algorithm)),
            Some(Setting::Open(_)) => None,
        };
        if let (Some(Setting::Known(checksum)), Some(algorithm)) = (&inputs.checksum, algorithm) {
            Checksum::new(algorithm, checksum)?;
        }
        Ok(Self { inputs })
    }
}

impl Module for WebDownload {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let url = self.inputs.source.get()?;
        let source_name = url.public();
        let destination = self.destination(&url, &source_name)?;
        let checksum = self.checksum(&source_name)?;
        if checksum.is_none() && self.inputs.algorithm.is_some() {
            step.voice
                .line(&format!("{source_name} is not verified, because `checksum` is missing beside `algorithm`"));
        }
        if destination.is_dir() {
            return Err(ActionError::IsFolder { path: destination });
        }
        let flag = |flag: &Option<Setting<bool>>, default| flag.as_ref().map_or(Ok(default), Setting::get);
        let outputs = Outputs::from([("destination".to_owned(), destination.to_string_lossy().into_owned())]);
        if destination.exists() {
            if !flag(&self.inputs.overwrite, true)? {
                return Err(ActionError::Exists { path: destination });
            }
            if let Some(checksum) = &checksum
                && checksum.matches(&destination).map_err(ActionError::file("read", &destination))?
            {
                step.voice.line(&format!("{} has the expected checksum already", destination.display()));
                return Ok(outputs);
            }
        }
        create_parents(&destination)?;
        let download = Download {
            url: &url.0,
            source_name: &source_name,
            headers: &[],
            checksum: checksum.as_ref(),
            attempts: ATTEMPTS,
            redirects: REDIRECTS,
            verify_certificates: !flag(&self.inputs.ignore_certificate_errors, false)?,
        };
        download.to_file(&destination, step)?;
        Ok(outputs)
    }
}

impl WebDownload {
    /// A destination that ends with `/` is a folder, in which the file is called as in the URL.
    fn destination(&self, url: &WebUrl, source_name: &str) -> Result<PathBuf, DownloadError> {
        let destination = Path::new(&self.inputs.destination);
        if !self.inputs.destination.ends_with('/') {
            return Ok(destination.to_owned());
        }
        let name = url.0.path_segments().and_then(Iterator::last).filter(|name| !name.is_empty());
        let reason = || "the URL has no file name; name the file in `destination`".to_owned();
        let missing = || DownloadError::Address { source_name: source_name.to_owned(), reason: reason() };
        Ok(destination.join(name.ok_or_else(missing)?))
    }

    /// AWSTOE verifies nothing where `algorithm` is missing. Whoever writes a checksum expects it to be checked, and
    /// its length tells the algorithm.
    fn checksum(&self, source_name: &str) -> Result<Option<Checksum>, ActionError> {
        let Some(digest) = &self.inputs.checksum else {
            return Ok(None);
        };
        let algorithm = self.inputs.algorithm.as_ref().map(Setting::get).transpose()?;
        let checked = Checksum::new(algorithm, &digest.get()?);
        let refused = |reason| DownloadError::Address { source_name: source_name.to_owned(), reason };
        Ok(Some(checked.map_err(refused)?))
    }
}

impl WebUrl {
    /// Without user, password, query and fragment, where secrets may be.
    fn public(&self) -> String {
        let mut url = self.0.clone();
        url.set_query(None);
        url.set_fragment(None);
        // Both fail only for URLs without a host, which were refused.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.into()
    }
}

impl FromStr for WebUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self).ok_or_else(|| "`source` is no URL of the form http://… or https://…".to_owned())
    }
}
