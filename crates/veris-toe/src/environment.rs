//! The environment variables that requests to AWS listen to, read once.

use std::fmt;

use url::Url;

use crate::download::metadata::Told;

pub const S3_ENDPOINT: &str = "AWS_ENDPOINT_URL_S3";
pub const SSM_ENDPOINT: &str = "AWS_ENDPOINT_URL_SSM";
/// Of every service that has none of its own.
pub const ENDPOINT: &str = "AWS_ENDPOINT_URL";
pub const REGION: &str = "AWS_REGION";
pub const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
pub const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
pub const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
pub const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
pub const METADATA_ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

const DEFAULT_METADATA_ENDPOINT: &str = "http://169.254.169.254";

/// How S3 and the Parameter Store are reached and who asks. What is not given is asked of the instance metadata service.
#[derive(Debug, Clone)]
pub struct Aws {
    pub s3_endpoint: Option<Url>,
    pub ssm_endpoint: Option<Url>,
    pub region: Option<String>,
    pub credentials: Option<Credentials>,
    pub metadata_endpoint: Url,
    /// What that service has answered of the caller.
    pub(crate) told: Told,
}

/// Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    #[error("{variable} is no URL of the form http://host or https://host")]
    Url { variable: &'static str },
    #[error("{ACCESS_KEY_ID} and {SECRET_ACCESS_KEY} belong together, but only one is set")]
    HalfACredential,
}

impl Aws {
    /// `variable` answers the value of an environment variable; an empty value counts as none.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let url = |name: &'static str, value: String| {
            let url = Url::parse(&value).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            url.ok_or(EnvironmentError::Url { variable: name })
        };
        let endpoint = |name: &'static str| {
            let given = [name, ENDPOINT].into_iter().find_map(|name| Some((name, variable(name)?)));
            given.map(|(name, value)| url(name, value)).transpose()
        };
        let credentials = match (variable(ACCESS_KEY_ID), variable(SECRET_ACCESS_KEY)) {
            (Some(access_key_id), Some(secret_access_key)) => {
                Some(Credentials { access_key_id, secret_access_key, session_token: variable(SESSION_TOKEN) })
            }
            (None, None) => None,
            _ => return Err(EnvironmentError::HalfACredential),
        };
        let metadata_endpoint = variable(METADATA_ENDPOINT).unwrap_or_else(|| DEFAULT_METADATA_ENDPOINT.to_owned());
        Ok(Self {
            s3_endpoint: endpoint(S3_ENDPOINT)?,
            ssm_endpoint: endpoint(SSM_ENDPOINT)?,
            region: variable(REGION).or_else(|| variable(DEFAULT_REGION)),
            credentials,
            metadata_endpoint: url(METADATA_ENDPOINT, metadata_endpoint)?,
            told: Told::default(),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
