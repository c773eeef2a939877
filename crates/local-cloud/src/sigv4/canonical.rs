//! The canonical request: one spelling of a request, on which both sides agree.

use hyper::{HeaderMap, Method};

use super::{Authorization, Rejection};

/// The part of a request that a signature covers beside the body.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    pub method: &'a Method,
    /// Percent-encoded, as received.
    pub path: &'a str,
    /// As received, without the question mark.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    pub fn of<B>(request: &'a hyper::Request<B>) -> Self {
        Self {
            method: request.method(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
        }
    }

    /// All values of a header, joined as they are signed. A name arrives from the caller and may be anything.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<String> = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
            })
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

pub(super) fn request(authorization: &Authorization, head: &Head<'_>, payload: &str) -> Result<String, Rejection> {
    let mut headers = String::new();
    for name in &authorization.signed_headers {
        let value = head.header(name).ok_or(Rejection::WrongSignature)?;
        headers.extend([name, ":", &value, "\n"]);
    }
    // What is not signed could be replaced under way; the target chooses the operation.
    if head.headers.contains_key("x-amz-target") && !authorization.signed_headers.iter().any(|n| n == "x-amz-target") {
        return Err(Rejection::Incomplete("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.".into()));
    }
    let path = if authorization.scope.service == "s3" { s3_path(head.path) } else { path(head.path) };
    let names = authorization.signed_headers.join(";");
    Ok(format!("{}\n{path}\n{}\n{headers}\n{names}\n{payload}", head.method, query(head.query)))
}

/// S3 signs the path as it is: once encoded, with its empty and dotted segments.
fn s3_path(path: &str) -> String {
    path.split('/').map(|segment| encode(&decode(segment))).collect::<Vec<_>>().join("/")
}

/// Every other service signs the normalised path, encoded once more.
fn path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(encode(segment.as_bytes())),
        }
    }
    let trailing = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{trailing}", segments.join("/"))
}

fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(&decode(name)), encode(&decode(value))))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Percent-encodes everything but the unreserved characters.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            _ => text.extend(["%", &hex::encode_upper([*byte])]),
        }
    }
    text
}

/// Undoes percent-encoding; what is no valid escape stays as it is.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let mut byte = [0];
        if let Some(digits) = escape
            && hex::decode_to_slice(digits, &mut byte).is_ok()
        {
            decoded.push(byte[0]);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    decoded
}
