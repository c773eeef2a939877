//! The parts of a signature, from the `Authorization` header or a presigned URL's query.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Head, Rejection};

/// What was signed, with which key and when. Nothing of it is proven before [`Authorization::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    pub scope: Scope,
    /// `x-amz-security-token`.
    pub token: Option<String>,
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; 32],
    pub(super) date: Timestamp,
    pub(super) date_text: String,
    /// Present on a presigned URL.
    pub(super) expires: Option<SignedDuration>,
}

/// The credential scope: `KEY/20150830/us-east-1/ec2/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub access_key_id: String,
    pub date: String,
    pub region: String,
    pub service: String,
}

impl Authorization {
    /// Reads the authorization.
    pub fn read(head: &Head<'_>) -> Result<Self, Rejection> {
        if head.headers.contains_key("authorization") { Self::from_header(head) } else { Self::from_query(head) }
    }

    pub fn is_presigned(&self) -> bool {
        self.expires.is_some()
    }

    fn from_header(head: &Head<'_>) -> Result<Self, Rejection> {
        let text = head.header("authorization").unwrap_or_default();
        let rest = text
            .strip_prefix("AWS4-HMAC-SHA256")
            .ok_or_else(|| incomplete("Unsupported Authorization scheme; the local cloud verifies AWS4-HMAC-SHA256"))?;
        let parts: BTreeMap<&str, &str> = rest.split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let part = |name: &str| {
            parts.get(name).copied().ok_or_else(|| {
                incomplete(format!("Authorization header requires '{name}' parameter. Authorization={}", redact(&text)))
            })
        };
        let date_text = head.header("x-amz-date").ok_or_else(|| {
            incomplete(format!(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization={}",
                redact(&text)
            ))
        })?;
        Self::assemble(Parts {
            credential: part("Credential")?,
            signed_headers: part("SignedHeaders")?,
            signature: part("Signature")?,
            date: &date_text,
            token: head.header("x-amz-security-token"),
            expires: None,
        })
    }

    fn from_query(head: &Head<'_>) -> Result<Self, Rejection> {
        let query: BTreeMap<String, String> = url::form_urlencoded::parse(head.query.as_bytes()).into_owned().collect();
        let get = |name: &str| query.get(name).map(String::as_str);
        let Some(algorithm) = get("X-Amz-Algorithm") else {
            let is_old = get("AWSAccessKeyId").is_some() && get("Signature").is_some();
            return Err(if is_old { Rejection::Version2 } else { Rejection::Unsigned });
        };
        if algorithm != "AWS4-HMAC-SHA256" {
            return Err(incomplete("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        let required = |name: &str| {
            get(name).ok_or_else(|| incomplete(format!("AWS query-string parameters must include '{name}'")))
        };
        let seconds = required("X-Amz-Expires")?.parse().ok().filter(|seconds| (1..=604_800).contains(seconds));
        let seconds = seconds.ok_or_else(|| incomplete("X-Amz-Expires must be between 1 and 604800 seconds"))?;
        Self::assemble(Parts {
            credential: required("X-Amz-Credential")?,
            signed_headers: required("X-Amz-SignedHeaders")?,
            signature: required("X-Amz-Signature")?,
            date: required("X-Amz-Date")?,
            token: get("X-Amz-Security-Token").map(ToOwned::to_owned),
            expires: Some(SignedDuration::from_secs(seconds)),
        })
    }

    fn assemble(parts: Parts<'_>) -> Result<Self, Rejection> {
        let scope = Scope::parse(parts.credential)?;
        let date = parse_date(parts.date)
            .ok_or_else(|| incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{}'", parts.date)))?;
        if parts.date.get(..8) != Some(scope.date.as_str()) {
            return Err(incomplete(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}'",
                scope.date, parts.date
            )));
        }
        let mut signature = [0; 32];
        hex::decode_to_slice(parts.signature, &mut signature).map_err(|_| Rejection::WrongSignature)?;
        let signed_headers: Vec<String> = parts.signed_headers.split(';').map(ToOwned::to_owned).collect();
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
        }
        let date_text = parts.date.to_owned();
        Ok(Self { scope, token: parts.token, signed_headers, signature, date, date_text, expires: parts.expires })
    }
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authorization({:?} at {})", self.scope, self.date)
    }
}

impl Scope {
    fn parse(text: &str) -> Result<Self, Rejection> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [key, date, region, service, "aws4_request"] if !key.is_empty() => Ok(Self {
                access_key_id: (*key).to_owned(),
                date: (*date).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
            }),
            _ => Err(incomplete(format!("Credential must have exactly 5 slash-delimited elements, got '{text}'"))),
        }
    }
}

struct Parts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    date: &'a str,
    token: Option<String>,
    expires: Option<SignedDuration>,
}

fn incomplete(message: impl Into<String>) -> Rejection {
    Rejection::Incomplete(message.into())
}

/// The header without its signature, for messages.
fn redact(authorization: &str) -> &str {
    authorization.split("Signature=").next().unwrap_or_default()
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    // Shorter spellings are understood by the parser but are no ISO 8601 basic format.
    if text.len() == 16 { TimeZone::UTC.to_timestamp(date).ok() } else { None }
}
