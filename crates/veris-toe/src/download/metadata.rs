//! The instance metadata service (`IMDSv2`): the role's credentials and the region.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use url::Url;

use crate::environment::{Aws, Credentials};

const TIMEOUT: Duration = Duration::from_secs(5);
/// Answers are short; anything longer is not the service.
const MAX_ANSWER: u64 = 64 * 1024;
const TOKEN_SECONDS: &str = "300";
const CREDENTIALS: &str = "the role's credentials";
/// How long an answer holds. The service gives new credentials five minutes before the old ones end:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
const FRESH: Duration = Duration::from_mins(1);

#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    #[error(
        "the instance metadata service at {endpoint} does not answer for {what}; \
         set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION where there is none"
    )]
    Unreachable { endpoint: String, what: &'static str, source: Box<ureq::Error> },
    #[error("the instance metadata service at {endpoint} answers {status} for {what}{cure}")]
    Status { endpoint: String, what: &'static str, status: u16, cure: &'static str },
    #[error("the instance metadata service at {endpoint} answers what cannot be read")]
    Unreadable { endpoint: String },
}

/// A session with the service: one token, several questions.
pub(crate) struct Metadata<'a> {
    endpoint: &'a Url,
    agent: ureq::Agent,
    token: String,
}

/// Field names as the service writes them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: String,
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    account_id: String,
}

/// The region and who asks there, and when the service said so. A step that downloads ten objects asks once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Option<(Instant, String, Credentials)>>>);

/// The region and who asks there, from the environment; else from the service.
pub(crate) fn identity(aws: &Aws) -> Result<(String, Credentials), MetadataError> {
    let known = (aws.region.clone(), aws.credentials.clone());
    if let (Some(region), Some(credentials)) = known {
        return Ok((region, credentials));
    }
    let mut told = aws.told.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, region, credentials)) = told.as_ref()
        && at.elapsed() < FRESH
    {
        return Ok((region.clone(), credentials.clone()));
    }
    let metadata = Metadata::open(&aws.metadata_endpoint)?;
    let region = known.0.map_or_else(|| metadata.region(), Ok)?;
    let credentials = known.1.map_or_else(|| metadata.credentials(), Ok)?;
    *told = Some((Instant::now(), region.clone(), credentials.clone()));
    Ok((region, credentials))
}

impl<'a> Metadata<'a> {
    pub(crate) fn open(endpoint: &'a Url) -> Result<Self, MetadataError> {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // The service is link-local; a proxy would answer with its own instance's secrets.
            .proxy(None)
            .build()
            .new_agent();
        let mut session = Self { endpoint, agent, token: String::new() };
        let request = session
            .agent
            .put(session.url("latest/api/token"))
            .header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS)
            .send_empty();
        session.token = session.answer("a token", request)?;
        Ok(session)
    }

    pub(crate) fn region(&self) -> Result<String, MetadataError> {
        self.get("the region", "latest/meta-data/placement/region")
    }

    pub(crate) fn account_id(&self) -> Result<String, MetadataError> {
        let identity = self.get("the account", "latest/dynamic/instance-identity/document")?;
        let unreadable = |_| MetadataError::Unreadable { endpoint: self.endpoint.to_string() };
        let Identity { account_id } = serde_json::from_str(&identity).map_err(unreadable)?;
        Ok(account_id)
    }

    /// Whatever there is below `meta-data/`.
    pub(crate) fn value(&self, path: &str) -> Result<String, MetadataError> {
        self.get("that path", &format!("latest/meta-data/{path}"))
    }

    pub(crate) fn credentials(&self) -> Result<Credentials, MetadataError> {
        const WHAT: &str = CREDENTIALS;
        let roles = self.get(WHAT, "latest/meta-data/iam/security-credentials/")?;
        let role = roles.lines().next().unwrap_or_default().trim();
        let answer = self.get(WHAT, &format!("latest/meta-data/iam/security-credentials/{role}"))?;
        let unreadable = |_| MetadataError::Unreadable { endpoint: self.endpoint.to_string() };
        let found: RoleCredentials = serde_json::from_str(&answer).map_err(unreadable)?;
        Ok(Credentials {
            access_key_id: found.access_key_id,
            secret_access_key: found.secret_access_key,
            session_token: Some(found.token),
        })
    }

    fn get(&self, what: &'static str, path: &str) -> Result<String, MetadataError> {
        let request = self.agent.get(self.url(path)).header("x-aws-ec2-metadata-token", &self.token).call();
        self.answer(what, request)
    }

    fn answer(
        &self,
        what: &'static str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<String, MetadataError> {
        let endpoint = || self.endpoint.to_string();
        let failed = |source| MetadataError::Unreachable { endpoint: endpoint(), what, source: Box::new(source) };
        let mut response = response.map_err(failed)?;
        let status = response.status().as_u16();
        if status != 200 {
            let cure =
                if status == 404 && what == CREDENTIALS { "; give the instance an instance profile" } else { "" };
            return Err(MetadataError::Status { endpoint: endpoint(), what, status, cure });
        }
        response.body_mut().with_config().limit(MAX_ANSWER).read_to_string().map_err(failed)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.endpoint.as_str().trim_end_matches('/'))
    }
}
