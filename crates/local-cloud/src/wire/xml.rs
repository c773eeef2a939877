//! XML answers. Everything goes through quick-xml's serializer, which escapes what it writes.

use serde::Serialize;

use crate::fault::Fault;
use crate::ids;
use crate::service::{self, Response};
use crate::state::ACCOUNT;

/// A list as EC2 writes it: `<item>` elements below the member's own element.
#[derive(Debug, Clone, Serialize)]
pub struct Items<T> {
    item: Vec<T>,
}

impl<T> Items<T> {
    pub fn as_slice(&self) -> &[T] {
        &self.item
    }
}

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { item: items.into_iter().collect() }
    }
}

#[derive(Serialize)]
struct Ec2Envelope<'a, T> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

/// `<ActionResponse>` of EC2 around the members of `body`.
pub fn ec2_answer(action: &str, body: &impl Serialize) -> Response {
    let request_id = ids::uuid();
    let namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
    let envelope = Ec2Envelope { namespace, request_id: &request_id, body };
    document(200, &request_id, &format!("{action}Response"), &envelope)
}

/// `<ActionResponse><ActionResult>` of the Query protocol around the members of `body`.
pub fn query_answer(action: &str, namespace: &'static str, body: &impl Serialize) -> Response {
    let request_id = ids::uuid();
    let result = std::collections::BTreeMap::from([(format!("{action}Result"), body)]);
    let metadata = ResponseMetadata { request_id: &request_id };
    let envelope = QueryEnvelope { namespace, result, metadata };
    document(200, &request_id, &format!("{action}Response"), &envelope)
}

#[derive(Serialize)]
struct QueryEnvelope<'a, T> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    #[serde(flatten)]
    result: std::collections::BTreeMap<String, &'a T>,
    #[serde(rename = "ResponseMetadata")]
    metadata: ResponseMetadata<'a>,
}

#[derive(Serialize)]
struct ResponseMetadata<'a> {
    #[serde(rename = "RequestId")]
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ec2Errors<'a> {
    errors: ErrorOf<CodeAndMessage<'a>>,
    #[serde(rename = "RequestID")]
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorOf<T> {
    error: T,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CodeAndMessage<'a> {
    code: &'a str,
    message: &'a str,
}

pub(super) fn ec2_fault(fault: &Fault, request_id: &str) -> Response {
    let error = CodeAndMessage { code: &fault.code, message: &fault.message };
    document(fault.status, request_id, "Response", &Ec2Errors { errors: ErrorOf { error }, request_id })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueryError<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    error: TypedError<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TypedError<'a> {
    r#type: &'static str,
    code: &'a str,
    message: &'a str,
}

pub(super) fn query_fault(fault: &Fault, request_id: &str) -> Response {
    let kind = if fault.status < 500 { "Sender" } else { "Receiver" };
    let error = TypedError { r#type: kind, code: &fault.code, message: &fault.message };
    let envelope = QueryError { namespace: "https://sts.amazonaws.com/doc/2011-06-15/", error, request_id };
    document(fault.status, request_id, "ErrorResponse", &envelope)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct S3Error<'a> {
    code: &'a str,
    message: &'a str,
    request_id: &'a str,
    host_id: &'static str,
}

pub(super) fn s3_fault(fault: &Fault, request_id: &str) -> Response {
    let error = S3Error { code: &fault.code, message: &fault.message, request_id, host_id: ACCOUNT };
    document(fault.status, request_id, "Error", &error)
}

fn document(status: u16, request_id: &str, root: &str, value: &impl Serialize) -> Response {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    match quick_xml::se::to_writer_with_root(&mut text, root, value) {
        Ok(_) => service::answer(status, "text/xml;charset=UTF-8", request_id, text),
        Err(error) => {
            tracing::error!(%error, root, "failed to write an answer as XML");
            service::answer(500, "text/xml;charset=UTF-8", request_id, "")
        }
    }
}
