//! Calls of services of which a command asks one question: their SDK crates would cost more to compile than they are worth.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_ec2::config::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4;
use url::form_urlencoded;

use crate::error::{Failure, cloud, internal};

const TIME_LIMIT: Duration = Duration::from_secs(20);
const LARGEST_ANSWER: u64 = 4 << 20;

/// Signs requests with the credentials of the other clients, and sends them where those send theirs.
#[derive(Debug, Clone)]
pub struct Signed {
    credentials: Option<SharedCredentialsProvider>,
    /// The local cloud or another emulator; AWS's own where there is none.
    endpoint: Option<String>,
    region: String,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    /// The header `Date`: what time it is where the answer is from.
    pub date: Option<String>,
}

/// Where a service is asked.
struct Place {
    service: &'static str,
    region: String,
    endpoint: String,
}

impl Signed {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            credentials: config.credentials_provider(),
            endpoint: config.endpoint_url().map(ToOwned::to_owned),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// A call of IAM, which is one for all regions.
    pub async fn iam(&self, fields: &[(String, String)]) -> Result<Answer, Failure> {
        let (region, host) = match self.region.split('-').next() {
            Some("cn") => ("cn-north-1", "iam.cn-north-1.amazonaws.com.cn"),
            _ if self.region.starts_with("us-gov-") => ("us-gov-west-1", "iam.us-gov.amazonaws.com"),
            _ => ("us-east-1", "iam.amazonaws.com"),
        };
        let place = self.place("iam", region.to_owned(), host);
        self.form(place, fields).await
    }

    /// A call of STS.
    pub async fn sts(&self, fields: &[(String, String)]) -> Result<Answer, Failure> {
        let place = self.place("sts", self.region.clone(), &self.regional("sts"));
        self.form(place, fields).await
    }

    /// A call of Service Quotas.
    pub async fn quotas(&self, operation: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        self.json("servicequotas", format!("ServiceQuotasV20190624.{operation}"), body).await
    }

    /// A call of Secrets Manager.
    pub async fn secrets(&self, operation: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        self.json("secretsmanager", format!("secretsmanager.{operation}"), body).await
    }

    fn regional(&self, service: &str) -> String {
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("{service}.{}.{domain}", self.region)
    }

    fn place(&self, service: &'static str, region: String, host: &str) -> Place {
        let endpoint = self.endpoint.clone().unwrap_or_else(|| format!("https://{host}"));
        Place { service, region, endpoint: format!("{}/", endpoint.trim_end_matches('/')) }
    }

    async fn json(&self, service: &'static str, target: String, body: &serde_json::Value) -> Result<Answer, Failure> {
        let place = self.place(service, self.region.clone(), &self.regional(service));
        let headers = vec![
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), target),
        ];
        self.send(place, headers, body.to_string()).await
    }

    async fn form(&self, place: Place, fields: &[(String, String)]) -> Result<Answer, Failure> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        self.send(place, headers, body).await
    }

    async fn send(&self, place: Place, mut headers: Vec<(String, String)>, body: String) -> Result<Answer, Failure> {
        headers.extend(self.signature(&place, &headers, &body).await?);
        let is_aws = self.endpoint.is_none();
        let sent = tokio::task::spawn_blocking(move || post(&place, is_aws, &headers, &body)).await;
        sent.map_err(|error| internal("failed to send a request").source(error))?
    }

    /// The headers that make it a request of whose credentials these are (Signature Version 4).
    async fn signature(
        &self,
        place: &Place,
        headers: &[(String, String)],
        body: &str,
    ) -> Result<Vec<(String, String)>, Failure> {
        let failed = || cloud(format!("failed to sign a request to {}", place.endpoint));
        let provider = self.credentials.as_ref().ok_or_else(failed)?;
        let credentials = provider.provide_credentials().await.map_err(|error| failed().source(error))?;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&place.region)
            .name(place.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed().source(error))?;
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signed = SignableRequest::new("POST", &place.endpoint, headers, SignableBody::Bytes(body.as_bytes()))
            .and_then(|request| http_request::sign(request, &parameters.into()))
            .map_err(|error| failed().source(error))?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Answer {
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

fn post(place: &Place, is_aws: bool, headers: &[(String, String)], body: &str) -> Result<Answer, Failure> {
    let failed = |error: ureq::Error| cloud(format!("no answer from {}", place.endpoint)).source(error);
    let agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(TIME_LIMIT));
    // What is on loopback is behind no proxy.
    let agent = if is_aws { agent } else { agent.proxy(None) };
    let mut request = agent.build().new_agent().post(&place.endpoint);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut response = request.send(body).map_err(failed)?;
    let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(ToOwned::to_owned);
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string().map_err(failed)?;
    Ok(Answer { status, body, date })
}
