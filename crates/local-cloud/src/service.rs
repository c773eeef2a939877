//! The services: each is a function from a verified request to a response.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use crate::ids;

pub mod bedrock;
pub mod ebs;
pub mod ec2;
pub mod iam;
pub mod image_builder;
pub mod instance_connect;
mod json_1_1;
pub(crate) mod kms_keys;
pub mod metadata;
pub mod quotas;
pub mod s3;
pub mod secrets_manager;
pub mod ssm;
pub mod sts;

/// A request whose signature holds.
pub struct Request {
    pub method: Method,
    /// Percent-encoded, as received.
    pub path: String,
    /// Decoded names and values, in the order they came.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub caller: Caller,
    /// From the signature's credential scope.
    pub region: String,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The installation's key.
    Operator,
    /// Temporary credentials that an instance got from its metadata service.
    Instance { instance_id: String, role: String },
}

pub type Response = hyper::Response<Body>;
pub type Body = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

/// The operation's name from `X-Amz-Target: Service.Name`, where a service speaks JSON 1.1.
pub(crate) fn operation(request: &Request) -> Option<&str> {
    let target = request.headers.get("x-amz-target")?.to_str().ok()?;
    let services = ["AmazonSSM.", "AWSEC2InstanceConnectService.", "ServiceQuotasV20190624.", "secretsmanager."];
    services.iter().find_map(|service| target.strip_prefix(service))
}

/// An answer in JSON, as REST-JSON services give it.
pub fn json(status: u16, value: &serde_json::Value) -> Response {
    answer(status, "application/json", &ids::uuid(), value.to_string())
}

/// An answer with its content type and request id.
pub fn answer(status: u16, content_type: &'static str, request_id: &str, text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(full(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// A body whose bytes are known.
pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}
