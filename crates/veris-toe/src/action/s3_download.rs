//! `S3Download`, single objects.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use rusty_s3::{Bucket, S3Action, UrlStyle};
use serde::Deserialize;
use url::Url;

use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext};
use crate::download::metadata::Metadata;
use crate::download::{Download, DownloadError};
use crate::environment::{Aws, Credentials};

const ATTEMPTS: u32 = 3;
/// Of the signature; the transfer itself may take longer.
const SIGNATURE_LIFE: Duration = Duration::from_mins(15);
const OWNER_HEADER: &str = "x-amz-expected-bucket-owner";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct S3Download {
    source: Setting<S3Object>,
    destination: String,
    expected_bucket_owner: Option<Setting<String>>,
    overwrite: Option<Setting<bool>>,
}

/// `s3://bucket/key`
#[derive(Debug, Clone, PartialEq, Eq)]
struct S3Object {
    bucket: String,
    key: String,
}

#[derive(Debug, thiserror::Error)]
enum S3ObjectError {
    #[error("`{0}` is no object in S3; write s3://bucket/key")]
    Shape(String),
    #[error("`{0}` names many objects, which is not supported by this version; name one object")]
    Prefix(String),
}

impl Module for S3Download {
    /// The destination's folder has to exist.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let destination = Path::new(&self.destination);
        if destination.is_dir() || self.destination.ends_with('/') {
            return Err(ActionError::IsFolder { path: destination.to_owned() });
        }
        if destination.exists() && !self.overwrite.as_ref().map_or(Ok(true), Setting::get)? {
            return Err(ActionError::Exists { path: destination.to_owned() });
        }
        let object = self.source.get()?;
        let owner = self.expected_bucket_owner.as_ref().map(Setting::get).transpose()?;
        let source_name = format!("s3://{}/{}", object.bucket, object.key);
        let url = object.presigned(step.aws, owner.as_deref(), &source_name)?;
        let headers: Vec<_> = owner.into_iter().map(|owner| (OWNER_HEADER, owner)).collect();
        let download = Download {
            url: &url,
            source_name: &source_name,
            headers: &headers,
            checksum: None,
            attempts: ATTEMPTS,
            redirects: 0,
            verify_certificates: true,
        };
        download.to_file(destination, step)?;
        Ok(Outputs::new())
    }
}

impl S3Object {
    fn presigned(&self, aws: &Aws, owner: Option<&str>, source_name: &str) -> Result<Url, DownloadError> {
        let (region, credentials) = identity(aws)?;
        let (endpoint, style) = self.endpoint(aws, &region).map_err(|reason| address(source_name, &reason))?;
        let bucket = Bucket::new(endpoint, style, self.bucket.clone(), region)
            .map_err(|reason| address(source_name, &reason))?;
        let Credentials { access_key_id, secret_access_key, session_token } = credentials;
        let credentials = match session_token {
            Some(token) => rusty_s3::Credentials::new_with_token(access_key_id, secret_access_key, token),
            None => rusty_s3::Credentials::new(access_key_id, secret_access_key),
        };
        let mut request = bucket.get_object(Some(&credentials), &self.key);
        if let Some(owner) = owner {
            request.headers_mut().insert(OWNER_HEADER, owner);
        }
        Ok(request.sign(SIGNATURE_LIFE))
    }

    /// A configured endpoint is spoken to by path. A bucket with a dot in its name does not fit AWS's certificates.
    fn endpoint(&self, aws: &Aws, region: &str) -> Result<(Url, UrlStyle), url::ParseError> {
        if let Some(endpoint) = &aws.s3_endpoint {
            return Ok((endpoint.clone(), UrlStyle::Path));
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let style = if self.bucket.contains('.') { UrlStyle::Path } else { UrlStyle::VirtualHost };
        Ok((Url::parse(&format!("https://s3.{region}.{domain}"))?, style))
    }
}

/// From the environment, else from the instance metadata service.
fn identity(aws: &Aws) -> Result<(String, Credentials), DownloadError> {
    let known = (aws.region.clone(), aws.credentials.clone());
    if let (Some(region), Some(credentials)) = known {
        return Ok((region, credentials));
    }
    let metadata = Metadata::open(&aws.metadata_endpoint)?;
    let region = known.0.map_or_else(|| metadata.region(), Ok)?;
    let credentials = known.1.map_or_else(|| metadata.credentials(), Ok)?;
    Ok((region, credentials))
}

fn address(source_name: &str, reason: &impl ToString) -> DownloadError {
    DownloadError::Address { source_name: source_name.to_owned(), reason: reason.to_string() }
}

impl FromStr for S3Object {
    type Err = S3ObjectError;

    fn from_str(text: &str) -> Result<Self, S3ObjectError> {
        let shape = || S3ObjectError::Shape(text.to_owned());
        let (bucket, key) = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).ok_or_else(shape)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_name) || key.is_empty() {
            return Err(shape());
        }
        if key.ends_with('*') {
            return Err(S3ObjectError::Prefix(text.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_completely() {
        let object = S3Object { bucket: "veris-local".to_owned(), key: "a/b c+d".to_owned() };
        assert_eq!("s3://veris-local/a/b c+d".parse::<S3Object>().unwrap(), object);
        for wrong in ["", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "https://bucket/key", "s3://a@b/c"] {
            assert!(matches!(wrong.parse::<S3Object>(), Err(S3ObjectError::Shape(_))), "{wrong}");
        }
        assert!(matches!("s3://bucket/folder/*".parse::<S3Object>(), Err(S3ObjectError::Prefix(_))));
    }

    #[test]
    fn the_endpoint_follows_region_and_bucket() {
        let aws = Aws::from_variables(|_| None).unwrap();
        let address = |bucket: &str, region: &str| {
            let object = S3Object { bucket: bucket.to_owned(), key: "key".to_owned() };
            let (endpoint, style) = object.endpoint(&aws, region).unwrap();
            Bucket::new(endpoint, style, object.bucket, region.to_owned()).unwrap().object_url("key").to_string()
        };
        assert_eq!(address("plain", "ap-southeast-2"), "https://plain.s3.ap-southeast-2.amazonaws.com/key");
        assert_eq!(address("with.dot", "us-east-1"), "https://s3.us-east-1.amazonaws.com/with.dot/key");
        assert_eq!(address("plain", "cn-north-1"), "https://plain.s3.cn-north-1.amazonaws.com.cn/key");
    }
}
