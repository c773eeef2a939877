//! The protocols of AWS's services, written once: how a form is read, and how answers and errors are shaped.

use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use crate::fault::Fault;
use crate::ids;
use crate::service::{self, Response};

pub mod query;
pub mod xml;

/// The protocol a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// EC2: a form in, XML out.
    Ec2Query,
    /// IAM and STS: a form in, XML out, errors in another shape than EC2's.
    Query,
    /// SSM, Secrets Manager, Service Quotas and EC2 Instance Connect: the operation in `X-Amz-Target`, JSON in and out.
    Json11,
    /// Image Builder, Bedrock and EBS: the operation in the path, JSON in and out, the error's code in a header.
    RestJson,
    /// S3.
    RestXml,
}

impl Protocol {
    /// The protocol of the service named in a signature's credential scope.
    pub fn of_service(service: &str) -> Option<Self> {
        match service {
            "ec2" => Some(Self::Ec2Query),
            "iam" | "sts" => Some(Self::Query),
            "ec2-instance-connect" | "secretsmanager" | "servicequotas" | "ssm" => Some(Self::Json11),
            "imagebuilder" | "bedrock" | "ebs" => Some(Self::RestJson),
            "s3" => Some(Self::RestXml),
            _ => None,
        }
    }

    /// The most likely protocol of a request that does not name its service.
    pub fn guess(headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if headers.contains_key("x-amz-target") {
            Self::Json11
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            Self::Query
        } else {
            Self::RestJson
        }
    }

    /// The answer to a request that failed.
    pub fn fault(self, fault: &Fault) -> Response {
        let id = ids::uuid();
        match self {
            Self::Ec2Query => xml::ec2_fault(fault, &id),
            Self::Query => xml::query_fault(fault, &id),
            Self::RestXml => xml::s3_fault(fault, &id),
            Self::Json11 => {
                let body = json!({"__type": fault.code, "message": fault.message});
                service::answer(fault.status, JSON_1_1, &id, body.to_string())
            }
            Self::RestJson => {
                let body = json!({"message": fault.message}).to_string();
                let mut response = service::answer(fault.status, "application/json", &id, body);
                if let Ok(code) = HeaderValue::try_from(&fault.code) {
                    response.headers_mut().insert("x-amzn-errortype", code);
                }
                response
            }
        }
    }
}

/// Content type of answers in JSON 1.1.
pub const JSON_1_1: &str = "application/x-amz-json-1.1";
