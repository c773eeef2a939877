//! S3: where a bucket is reached, who asks, and signed requests to it.

mod error;
pub(crate) mod list;
mod location;
pub(crate) mod upload;

use std::io::Read;
use std::time::Duration;

use rusty_s3::{Bucket, Method, S3Action, UrlStyle};
use ureq::SendBody;
use url::Url;

use crate::action::{ActionError, StepContext};
use crate::download::metadata::identity;
use crate::environment::{Aws, Credentials};
use crate::http::{self, Rules};

pub(crate) use error::S3Error;
pub(crate) use location::{Location, Objects};

/// Of each request. AWS's tools try as often.
pub(crate) const ATTEMPTS: u32 = 3;
/// Of a signature; the transfer itself may take longer.
const SIGNATURE_LIFE: Duration = Duration::from_mins(15);
const OWNER_HEADER: &str = "x-amz-expected-bucket-owner";
/// A thousand keys of a thousand bytes, and what stands around them.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

/// One bucket and the right to ask it something.
pub(crate) struct Session {
    bucket: Bucket,
    credentials: rusty_s3::Credentials,
    /// The account that has to own the bucket.
    owner: Option<String>,
}

/// What is asked, for [`Session::exchange`].
pub(crate) struct Request<'a> {
    /// `upload` and the like, for messages.
    pub(crate) doing: &'static str,
    /// `s3://bucket/key`, without a signature.
    pub(crate) name: &'a str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// For the whole exchange.
    pub(crate) limit: Option<Duration>,
}

/// Sent as it is read, with the length told beforehand, as S3 demands.
pub(crate) struct Payload<'a> {
    pub(crate) bytes: u64,
    pub(crate) reader: &'a mut dyn Read,
}

pub(crate) struct Answer {
    pub(crate) etag: Option<String>,
    pub(crate) body: String,
}

impl Session {
    /// Region and credentials come from the environment, else from the instance metadata service.
    pub(crate) fn open(aws: &Aws, bucket: &str, owner: Option<String>) -> Result<Self, S3Error> {
        let (region, credentials) = identity(aws)?;
        let address =
            |reason: &dyn ToString| S3Error::Address { bucket: bucket.to_owned(), reason: reason.to_string() };
        let (endpoint, style) = endpoint(aws, bucket, &region).map_err(|reason| address(&reason))?;
        let bucket = Bucket::new(endpoint, style, bucket.to_owned(), region).map_err(|reason| address(&reason))?;
        let Credentials { access_key_id, secret_access_key, session_token } = credentials;
        let credentials = match session_token {
            Some(token) => rusty_s3::Credentials::new_with_token(access_key_id, secret_access_key, token),
            None => rusty_s3::Credentials::new(access_key_id, secret_access_key),
        };
        Ok(Self { bucket, credentials, owner })
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(crate) fn credentials(&self) -> &rusty_s3::Credentials {
        &self.credentials
    }

    pub(crate) fn sign<'a>(&'a self, mut action: impl S3Action<'a>) -> Url {
        if let Some(owner) = &self.owner {
            action.headers_mut().insert(OWNER_HEADER, owner.as_str());
        }
        action.sign(SIGNATURE_LIFE)
    }

    /// A signed URL that fetches one object.
    pub(crate) fn get(&self, key: &str) -> Url {
        self.sign(self.bucket.get_object(Some(&self.credentials), key))
    }

    /// Headers that belong to every signed URL.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        self.owner.iter().map(|owner| (OWNER_HEADER, owner.clone())).collect()
    }

    /// One request and its short answer. Anything but a success is an error.
    pub(crate) fn exchange(
        &self,
        request: Request<'_>,
        payload: Option<Payload<'_>>,
        step: &StepContext<'_>,
    ) -> Result<Answer, ActionError> {
        let Request { doing, name, method, url, limit } = request;
        let transport = |source| S3Error::Transport { doing, name: name.to_owned(), source: Box::new(source) };
        let mut builder = ureq::http::Request::builder().method(method.to_str()).uri(url.as_str());
        for (name, value) in self.headers() {
            builder = builder.header(name, value);
        }
        let bytes = payload.as_ref().map_or(0, |payload| payload.bytes);
        if method != Method::Get {
            builder = builder.header("content-length", bytes.to_string());
        }
        let agent = http::agent(Rules { redirects: 0, verify_certificates: true, limit });
        let sent = match payload {
            Some(payload) => {
                let request = builder.body(SendBody::from_reader(payload.reader));
                request.map_err(ureq::Error::from).and_then(|request| agent.run(request))
            }
            None => builder.body(()).map_err(ureq::Error::from).and_then(|request| agent.run(request)),
        };
        // A body that was not read to its end because the time is over looks like a broken connection.
        let mut response = match sent {
            Ok(response) => response,
            Err(source) => return Err(step.may_go_on().err().unwrap_or_else(|| transport(source).into())),
        };
        let status = response.status().as_u16();
        let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().with_config().limit(MAX_ANSWER).lossy_utf8(true).read_to_string();
        if !response.status().is_success() {
            let detail = http::describe(&body.unwrap_or_default());
            return Err(S3Error::Status { doing, name: name.to_owned(), status, detail }.into());
        }
        Ok(Answer { etag, body: body.map_err(transport)? })
    }
}

/// A configured endpoint is spoken to by path. A bucket with a dot in its name does not fit AWS's certificates.
fn endpoint(aws: &Aws, bucket: &str, region: &str) -> Result<(Url, UrlStyle), url::ParseError> {
    if let Some(endpoint) = &aws.s3_endpoint {
        return Ok((endpoint.clone(), UrlStyle::Path));
    }
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let style = if bucket.contains('.') { UrlStyle::Path } else { UrlStyle::VirtualHost };
    Ok((Url::parse(&format!("https://s3.{region}.{domain}"))?, style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_follows_region_and_bucket() {
        let aws = Aws::from_variables(|_| None).unwrap();
        let address = |bucket: &'static str, region: &str| {
            let (endpoint, style) = endpoint(&aws, bucket, region).unwrap();
            Bucket::new(endpoint, style, bucket, region.to_owned()).unwrap().object_url("key").to_string()
        };
        assert_eq!(address("plain", "ap-southeast-2"), "https://plain.s3.ap-southeast-2.amazonaws.com/key");
        assert_eq!(address("with.dot", "us-east-1"), "https://s3.us-east-1.amazonaws.com/with.dot/key");
        assert_eq!(address("plain", "cn-north-1"), "https://plain.s3.cn-north-1.amazonaws.com.cn/key");
    }
}
